"""The programs of fixtures/cases: converted, verified and run."""
