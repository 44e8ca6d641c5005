"""The model as scikit-learn, PyTorch and ONNX know it."""
