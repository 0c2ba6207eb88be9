# The peers of the training benchmark, one training step of the same tail in each, as somebody would write it who uses them.
# usage: peer-steps.py PEER TAIL.onnx JOB   where JOB is {"batch", "optimizer", "sample", "classes", "threads", "steps"}; prints one JSON line
import json
import os
import resource
import sys
import tempfile
import time

import numpy as np

peer, path, job = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
batch, classes, threads = job["batch"], job["classes"], job["threads"]
random = np.random.default_rng(1)
x = random.random([batch, *job["sample"]], np.float32) - np.float32(0.5)
y = np.arange(batch) % classes


def measure(name, step):
    """Median time of a step, the first ones left out."""
    times = []
    for _ in range(job["steps"] + 3):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    median = sorted(times[3:])[job["steps"] // 2]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"peer": name, "us_per_step": median * 1e6, "peak_rss_mb": peak}))


def torch_step():
    import torch

    nn = torch.nn
    torch.set_num_threads(threads)

    layers = []
    for layer in job["layers"]:
        if layer["op"] == "Conv":
            layers.append(nn.Conv2d(layer["inputs"], layer["outputs"], layer["kernel"], padding=layer["kernel"] // 2, groups=layer["group"]))
        elif layer["op"] == "Clip":
            layers.append(nn.ReLU6())
        elif layer["op"] == "GlobalAveragePool":
            layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        elif layer["op"] == "Gemm":
            layers.append(nn.Linear(layer["inputs"], layer["outputs"]))
    tail = nn.Sequential(*layers)
    rows, labels = torch.from_numpy(x), torch.from_numpy(y)
    if job["optimizer"] == "adamw":
        optimizer = torch.optim.AdamW(tail.parameters(), 1e-3, weight_decay=0)
    else:
        optimizer = torch.optim.SGD(tail.parameters(), 1e-3, momentum=0.9)

    def step():
        optimizer.zero_grad()
        nn.functional.cross_entropy(tail(rows), labels).backward()
        optimizer.step()

    measure(f"PyTorch {torch.__version__}", step)


def onnxruntime_training_step():
    import onnx
    import onnxruntime.training.api as api
    from onnxruntime.training import artifacts
    import onnxruntime

    folder = tempfile.mkdtemp()
    model = onnx.load(path)
    kind = artifacts.OptimType.AdamW if job["optimizer"] == "adamw" else artifacts.OptimType.SGD
    artifacts.generate_artifacts(
        model, requires_grad=job["parameters"], loss=artifacts.LossType.CrossEntropyLoss, optimizer=kind, artifact_directory=folder
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    state = api.CheckpointState.load_checkpoint(os.path.join(folder, "checkpoint"))
    module = api.Module(os.path.join(folder, "training_model.onnx"), state, session_options=options)
    optimizer = api.Optimizer(os.path.join(folder, "optimizer_model.onnx"), module)
    module.train()
    labels = y.astype(np.int64)

    def step():
        module(x, labels)
        optimizer.step()
        module.lazy_reset_grad()

    measure(f"onnxruntime-training {onnxruntime.__version__}", step)


def onnxsim_step():
    import onnx
    import onnxruntime
    import onnxsim
    from onnx import TensorProto, helper, numpy_helper

    onnxruntime.set_default_logger_severity(3)
    # It has no setting for threads; the runtime starts as many as it has cores.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
    model = onnx.load(path)
    graph = model.graph
    logits = graph.output[0].name
    for node in graph.node:
        if node.op_type == "Flatten":
            # It has no rule for it.
            node.op_type = "Reshape"
            node.input.append("rows")
            graph.initializer.append(numpy_helper.from_array(np.array([batch, -1], np.int64), "rows"))
    # Mean cross-entropy in operators that it differentiates.
    graph.input.append(helper.make_tensor_value_info("onehot", TensorProto.FLOAT, [batch, classes]))
    graph.initializer.append(numpy_helper.from_array(np.float32(-1 / batch).reshape(()), "share"))
    for op, inputs, output, attributes in [
        ("Softmax", [logits], "p", {"axis": -1}),
        ("Log", ["p"], "log_p", {}),
        ("Mul", ["log_p", "onehot"], "own", {}),
        ("ReduceSum", ["own"], "sum", {"keepdims": 0}),
        ("Mul", ["sum", "share"], "loss", {}),
    ]:
        graph.node.append(helper.make_node(op, inputs, [output], **attributes))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("loss", TensorProto.FLOAT, []))
    kind = "adam" if job["optimizer"] == "adamw" else "sgd_momentum"
    loop = onnxsim.compile_training_loop(model, "loss", job["parameters"], optimizer=kind)
    feeds = {"x": x, "onehot": np.eye(classes, dtype=np.float32)[y]}
    measure(f"onnxsim {onnxsim.__version__}", lambda: loop(feeds, lr=1e-3))


{"torch": torch_step, "onnxruntime-training": onnxruntime_training_step, "onnxsim": onnxsim_step}[peer]()
