"""Random whole Keras programs: each is converted without a diagnostic and verified, or refused with a code."""
