"""Runs a Keras program and a PyTorch program, and shows whether they compute the same.

    from transpile.verify import verify
    report = verify(keras_source, torch_source, result.models)
    print(report.as_table())

Both programs run in child processes with limits; nothing here imports a framework.
Many comparisons with one import of the frameworks: `with Session() as s: s.verify(...)`.
"""

from transpile.verify.job import Device, KerasBackend
from transpile.verify.report import Report, Row
from transpile.verify.session import Session, verify
from transpile.verify.whole_record import Cuts

__all__ = ["Cuts", "Device", "KerasBackend", "Report", "Row", "Session", "verify"]
