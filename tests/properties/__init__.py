"""What holds for any file, shown on random variants of the programs in fixtures/cases."""
