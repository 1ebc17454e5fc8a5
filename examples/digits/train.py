#!/usr/bin/env python3
"""Train the demo's model: a small CNN on the handwritten digits that come with scikit-learn (8x8 pixels, 1,797 pictures).

Writes digits.onnx, labels.txt and pictures/*.png beside this script. The network reads uint8-like pixels scaled to 0..1 as
float[batch,1,8,8] and gives ten probabilities. Needs torch 2.13, scikit-learn, onnx, pillow; runs in a minute on one core.
"""
from pathlib import Path

import numpy as np
import onnx
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch import nn

HERE = Path(__file__).resolve().parent
SCALE = 8  # pictures are written 64x64, each pixel as a block, so that people can see them


def network():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10), nn.Softmax(-1))


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    digits = load_digits()
    pixels = np.round(digits.images * 255 / 16).astype(np.uint8)  # what a PNG can hold; the network is trained on the same
    order = np.random.default_rng(0).permutation(len(pixels))
    train, test = order[:1500], order[1500:]
    x = torch.from_numpy(pixels[:, None].astype(np.float32) / 255)
    y = torch.from_numpy(digits.target)
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(30):
        model.train()
        for batch in torch.from_numpy(train)[torch.randperm(len(train))].split(32):
            optimizer.zero_grad()
            loss = nn.functional.nll_loss(torch.log(model(x[batch]) + 1e-9), y[batch])
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = (model(x[test]).argmax(1) == y[test]).float().mean().item()
    print(f"accuracy on {len(test)} pictures it has not seen: {right:.3f}")
    path = HERE / "digits.onnx"
    torch.onnx.export(model, (x[:1],), str(path), input_names=["picture"], output_names=["probabilities"],
                      dynamic_axes={"picture": {0: "batch"}, "probabilities": {0: "batch"}}, opset_version=17, dynamo=False)
    m = onnx.load(path)
    m.doc_string = "Handwritten digits, 8x8 grey pixels in 0..1. Trained by examples/digits/train.py on scikit-learn's digits data."
    onnx.save(m, path)
    (HERE / "labels.txt").write_text("\n".join(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]) + "\n")
    (HERE / "pictures").mkdir(exist_ok=True)
    for digit in range(10):
        i = next(k for k in test if digits.target[k] == digit)
        Image.fromarray(pixels[i]).resize((8 * SCALE, 8 * SCALE), Image.NEAREST).save(HERE / "pictures" / f"{digit}.png", optimize=True)


if __name__ == "__main__":
    main()
