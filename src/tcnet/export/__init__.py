"""A TCNet as step graphs that other runtimes compute: ONNX and OpenVINO files, and running them here."""

from tcnet.export.export_job import FORMATS, ExportResult, export_model
from tcnet.export.network import ExportedNetwork
from tcnet.export.runtimes import ENGINES, open_export

__all__ = ["ENGINES", "FORMATS", "ExportResult", "ExportedNetwork", "export_model", "open_export"]
