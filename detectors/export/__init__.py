"""A fitted detector as one ONNX graph: what a production line runs with onnxruntime and without this project."""

from detectors.export.onnx_file import PICTURES, TOLERANCE, Parity, export_onnx, program_beside

__all__ = ["PICTURES", "TOLERANCE", "Parity", "export_onnx", "program_beside"]
