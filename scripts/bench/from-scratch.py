# The peer of from-scratch.mjs and fifty-steps.mjs: the same network, initialization, schedule, augmentation and optimizer in PyTorch, on pictures
# that it is given as raw bytes. usage: from-scratch.py FOLDER OPTIONS, a JSON object that those two write
import json
import math
import resource
import sys
import time

import numpy as np
import torch
from torch import nn

folder, options = sys.argv[1], json.loads(sys.argv[2])
torch.set_num_threads(options["threads"])
torch.manual_seed(options["seed"])
mean = torch.tensor(options["mean"]).view(1, 3, 1, 1)
std = torch.tensor(options["std"]).view(1, 3, 1, 1)
edge, classes = options["edge"], options["classes"]


def read(name):
    pixels = np.fromfile(f"{folder}/{name}.pixels", np.uint8).reshape(-1, 3, edge, edge)
    labels = np.fromfile(f"{folder}/{name}.labels", np.int32).astype(np.int64)
    return (torch.from_numpy(pixels).float() / 255 - mean) / std, torch.from_numpy(labels)


def block(inputs, outputs, kernel=3, stride=1):
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_in", nonlinearity="relu")
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU()]


head = nn.Linear(128, classes)
nn.init.normal_(head.weight, 0, 1 / math.sqrt(128))
nn.init.zeros_(head.bias)
network = nn.Sequential(
    *block(3, 24, stride=2),
    *block(24, 32),
    *block(32, 64, stride=2),
    *block(64, 64),
    *block(64, 128, kernel=1),
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
    head,
)
train_x, train_y = read("train")
test_x, test_y = read("test")
decayed = [p for p in network.parameters() if p.dim() > 1]
plain = [p for p in network.parameters() if p.dim() == 1]
groups = [{"params": decayed, "weight_decay": options["decay"]}, {"params": plain, "weight_decay": 0.0}]
optimizer = torch.optim.AdamW(groups, lr=options["rate"])
lossOf = nn.CrossEntropyLoss()


def fifty():
    """Given weights and batches, plain gradient steps with momentum: the losses, and the weights in a file."""
    given = torch.from_numpy(np.fromfile(f"{folder}/initial.f32", np.float32))
    torch.nn.utils.vector_to_parameters(given, network.parameters())
    order = np.fromfile(f"{folder}/order.i32", np.int32).reshape(-1, options["batch"])
    # The oneDNN of Debian's build is off by 3e-3 in the very first loss; double precision does not go through it.
    global train_x
    network.double()
    train_x = train_x.double()
    sgd = torch.optim.SGD(network.parameters(), lr=options["rate"], momentum=0.9)
    network.train()
    found = []
    for rows in order:
        sgd.zero_grad()
        loss = lossOf(network(train_x[rows]), train_y[rows])
        loss.backward()
        sgd.step()
        found.append(loss.item())
    torch.nn.utils.parameters_to_vector(network.parameters()).detach().float().numpy().tofile(f"{folder}/final.f32")
    print(json.dumps({"losses": found, "version": torch.__version__}))


if options.get("fifty"):
    fifty()
    sys.exit()
batch, epochs, most = options["batch"], options["epochs"], options["move"]
stepsOfEpoch = len(train_y) // batch
steps, rising = epochs * stepsOfEpoch, options["warmup"] * epochs * stepsOfEpoch


def rate(step):
    if step < rising:
        return options["rate"] * (step + 1) / rising
    return options["rate"] / 2 * (1 + math.cos(math.pi * (step - rising) / (steps - rising)))


def augmented(x):
    padded = nn.functional.pad(x, (most, most, most, most))
    moved = torch.randint(0, 2 * most + 1, (len(x), 2)).tolist()
    flipped = (torch.rand(len(x)) < 0.5).tolist()
    views = [p[:, dy : dy + edge, dx : dx + edge] for p, (dy, dx) in zip(padded, moved)]
    return torch.stack([view.flip(2) if flip else view for view, flip in zip(views, flipped)])


started, processor = time.time(), time.process_time()
network.train()
step, losses = 0, []
for epoch in range(epochs):
    order = torch.randperm(len(train_y))
    total = 0.0
    for at in range(stepsOfEpoch):
        rows = order[at * batch : (at + 1) * batch]
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        optimizer.zero_grad()
        loss = lossOf(network(augmented(train_x[rows])), train_y[rows])
        loss.backward()
        optimizer.step()
        total += loss.item()
        step += 1
    losses.append(total / stepsOfEpoch)
    print(f"epoch {epoch + 1} of {epochs}: loss {losses[-1]:.3f}", file=sys.stderr)
seconds, processor = time.time() - started, time.process_time() - processor
network.eval()
with torch.no_grad():
    right = sum((network(x).argmax(1) == y).sum().item() for x, y in zip(test_x.split(500), test_y.split(500)))
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"right": right, "count": len(test_y), "losses": losses, "seconds": seconds, "processor": processor, "memory": memory, "version": torch.__version__}))
