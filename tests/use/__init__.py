"""What programs do with their models outside of the definition."""
