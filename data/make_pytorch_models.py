#!/usr/bin/env python3
"""Writes pytorch_mlp, pytorch_cnn and pytorch_encoder.safetensors beside this file: the state_dict of a small model each, as a PyTorch
user saves it, and an example, example.x, with what the model makes of it in evaluation, example.y.

They were made by PyTorch 2.15.0 and safetensors 0.8.0.

SPDX-License-Identifier: MIT"""
import os
import torch
from safetensors.torch import save_file
from torch import nn

torch.manual_seed(0)
models = {
    "mlp": (nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3)), torch.randn(5, 4)),
    "cnn": (
        nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 10)),
        torch.randn(3, 1, 8, 8),
    ),
    "encoder": (
        nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), 2, enable_nested_tensor=False),
        torch.randn(2, 6, 16),
    ),
}
for name, (model, x) in models.items():
    with torch.no_grad():
        for parameter in model.parameters():  # so that no two layers, biases or weights of norms are the same
            parameter.add_(0.1 * torch.randn_like(parameter))
        for _ in range(10):  # running statistics
            model.train()(torch.randn_like(x))
        y = model.eval()(x)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"pytorch_{name}.safetensors")
    save_file({**model.state_dict(), "example.x": x, "example.y": y}, path, metadata={"model": name, "torch": torch.__version__})
