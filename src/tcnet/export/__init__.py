"""A TCNet as step graphs for other runtimes: ONNX and OpenVINO files, and running them here."""

from tcnet.export.export_job import FORMATS, ExportResult, export_model
from tcnet.export.network import ExportedNetwork, open_export
from tcnet.export.places import ENGINES

__all__ = ["ENGINES", "FORMATS", "ExportResult", "ExportedNetwork", "export_model", "open_export"]
