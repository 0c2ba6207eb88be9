# The small models of test/autodiff/exported, as PyTorch 2.6 exports them, and what PyTorch makes of ten steps of momentum on four samples.
# usage: python3 exported.py FOLDER
import json
import sys
import warnings

import torch
import torch.nn as nn
import torch.onnx._internal.onnx_proto_utils as proto

# The exporter asks for the package onnx only to add functions, which these models have none of.
proto._add_onnxscript_fn = lambda model, opsets: model
warnings.filterwarnings("ignore")
torch.manual_seed(1)


class Recurrent(nn.Module):
    def __init__(self, kind, both, layers):
        super().__init__()
        self.layer = getattr(nn, kind)(4, 5, num_layers=layers, batch_first=True, bidirectional=both)
        self.head = nn.Linear(10 if both else 5, 3)

    def forward(self, x):
        return self.head(self.layer(x)[0][:, -1])


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, norm_first=True, activation="gelu")
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.layer(x).mean(1))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.inputs = nn.Linear(8, 24)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.inputs(x).view(b, t, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.head(y.transpose(1, 2).reshape(b, t, c).max(1).values)


class Upsampling(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, padding=1, padding_mode="reflect")
        self.larger = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.second = nn.ConvTranspose2d(4, 3, 2, stride=2)
        self.head = nn.Linear(12, 3)

    def forward(self, x):
        y = self.second(nn.functional.hardswish(self.larger(self.first(x))))
        y = nn.functional.pixel_unshuffle(nn.functional.leaky_relu(y), 2)
        return self.head(nn.functional.adaptive_avg_pool2d(y, 1).flatten(1))


class Sound(nn.Module):
    """Convolutions over a spectrogram, then a recurrent layer over time."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, stride=2, padding=1)
        self.layer = nn.GRU(4 * 4, 5, batch_first=True)
        self.head = nn.Linear(5, 3)

    def forward(self, x):
        y = nn.functional.max_pool2d(nn.functional.elu(self.first(x)), 3, stride=1, padding=1)
        return self.head(self.layer(y.permute(0, 3, 1, 2).flatten(2))[0].mean(1))


class Mobile(nn.Module):
    """An inverted residual with squeeze and excitation, as in MobileNetV3."""

    def __init__(self):
        super().__init__()
        self.wide = nn.Conv2d(4, 8, 1)
        self.each = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8)
        self.squeeze, self.excite = nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1)
        self.narrow = nn.Conv2d(8, 4, 1)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        y = nn.functional.hardswish(self.each(nn.functional.relu6(self.wide(x))))
        weights = nn.functional.hardsigmoid(self.excite(nn.functional.relu(self.squeeze(nn.functional.adaptive_avg_pool2d(y, 1)))))
        y = x + self.narrow(y * weights)
        return self.head(nn.functional.avg_pool2d(y, 3, stride=2, ceil_mode=True).flatten(2).logsumexp(2))


models = {
    "lstm": (Recurrent("LSTM", False, 2), (6, 4)),
    "lstm-both": (Recurrent("LSTM", True, 1), (6, 4)),
    "gru": (Recurrent("GRU", True, 1), (6, 4)),
    "rnn": (Recurrent("RNN", False, 1), (6, 4)),
    "encoder": (Encoder(), (6, 8)),
    "attention": (Attention(), (6, 8)),
    "upsampling": (Upsampling(), (2, 4, 4)),
    "sound": (Sound(), (1, 8, 10)),
    "mobile": (Mobile(), (4, 6, 6)),
}

for name, (model, shape) in models.items():
    # In training mode the encoder is not fused into one operator.
    for form, opset in (("", 17), ("-fixed", 14)):
        free = {} if form else {"dynamic_axes": {"x": {0: "n"}, "y": {0: "n"}}}
        torch.onnx.export(model, torch.randn(1 if form else 2, *shape), f"{sys.argv[1]}/{name}{form}.onnx", input_names=["x"],
                          output_names=["y"], opset_version=opset, dynamo=False, training=torch.onnx.TrainingMode.PRESERVE, **free)
    x, labels = torch.randn(4, *shape), torch.tensor([0, 1, 2, 1])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for _ in range(10):
        loss = nn.functional.cross_entropy(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    recorded = {"shape": list(x.shape), "x": x.flatten().tolist(), "labels": labels.tolist(), "losses": losses,
                "logits": model(x).flatten().tolist()}
    with open(f"{sys.argv[1]}/{name}.json", "w") as file:
        json.dump(recorded, file)
