"""The original models with their products rounded: exactly as the ONNX export quantises them, or at random by as much
as a compute type rounds, which says how far that type may lead an answer.

Models of every architecture are seen from below, by the functions of torch that multiply, so that none is taken apart.
"""

import torch
from original_models import is_encoder, padding, pooled_places
from torch.overrides import TorchFunctionMode

MATMULS = (torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__, torch.bmm, torch.Tensor.bmm)
QUERIES = ("query", "query_proj", "q_lin", "q")
KEYS_AND_VALUES = ("key", "key_proj", "k_lin", "k", "value", "value_proj", "v_lin", "v")
QUERIES_KEYS_AND_VALUES = ("c_attn", "Wqkv")  # in one product
NO_DENSE_LAYERS = ("pooler", "rel_attn.r", "seg_embed", "pos_key_proj", "pos_query_proj")


def dense_weights(model):
    """Names of the weights of the dense layers, by id: those of blocks and of the embeddings' projection. The head, with
    what transformers calls a pooler, and what projects relative positions is fp32 in every compute type."""
    base = model.base_model
    return {id(weight): name for name, weight in base.named_parameters()
            if weight.dim() > 1 and not any(part in name for part in NO_DENSE_LAYERS)}


def layer_of(name):
    """`encoder.layer.0.attention.self.query.weight` -> `query`; XLNet's own `layer.0.rel_attn.q` -> `q`. XLM's layers are
    numbered where others end: `attentions.0.q_lin.weight`."""
    parts = name.split(".")
    return parts[-2] if parts[-1] == "weight" else parts[-1]


class Product:
    """A call of a function of torch that multiplies `left` by `right`, summed over these axes of either."""

    def __init__(self, function, args, places, axes):
        self.function, self.args, self.places, self.axes = function, list(args), places, axes
        self.left, self.right = (args[place] for place in places[:2])

    def bias(self):
        return self.args[self.places[2]] if len(self.places) > 2 and self.places[2] < len(self.args) else None

    def of(self, left, right, biased=True):
        """The same product of other operands."""
        args = list(self.args)
        args[self.places[0]], args[self.places[1]] = left, right
        if not biased and self.bias() is not None:
            args[self.places[2]] = torch.zeros_like(self.bias())
        return self.function(*args)


def product_of(function, args):
    """None where it multiplies no matrices."""
    if function is torch.nn.functional.linear:
        return Product(function, args, (0, 1, 2), ((-1,), (1,)))
    if function is torch.addmm:  # GPT-2's own layer: bias, rows, weight [in, out]
        return Product(function, args, (1, 2, 0), ((-1,), (0,)))
    if function in MATMULS:
        return Product(function, args, (0, 1), ((-1,), (-2,)))
    if function is torch.einsum and len(args) == 3:
        left, right, result = args[0].replace("->", ",").split(",")
        axes = [tuple(axis for axis, letter in enumerate(side) if letter not in result) for side in (left, right)]
        return Product(function, args, (1, 2), axes)
    return None


class Products(TorchFunctionMode):
    """While it is entered, products with a weight of dense_weights are made by `dense`, those without any weight by
    `attention`."""

    def __init__(self, model):
        super().__init__()
        self.names = dense_weights(model)
        self.weights = {id(weight) for weight in model.parameters()}

    def dense(self, name, product):
        return product.of(product.left, product.right)

    def attention(self, product):
        return product.of(product.left, product.right)

    def __torch_function__(self, function, types, args=(), kwargs=None):
        product = None if kwargs else product_of(function, args)
        name = product and self.names.get(id(product.right))
        if name:
            return self.dense(name, product)
        if product and id(product.right) not in self.weights:
            return self.attention(product)
        return function(*args, **(kwargs or {}))


class AtRandom(Products):
    """Operands moved at random by at most half a step of a compute type, each by itself, as rounding moves them. Zeros
    stay, as they do when rounded.

    In bf16 a value's step is 2^-7 of the power of two below it. In int8 a token's step in front of a dense layer is its
    range, zero included, over 255, and a weight's the largest of its output over 127; attention is bf16. Where `whole`,
    the range is that of all texts, and attention is fp32. `ranges` of such a batch are found by running it first.
    """

    def __init__(self, model, compute_type, seed, whole=False):
        super().__init__(model)
        self.int8, self.whole, self.ranges, self.finding = compute_type == "int8", whole, [], whole
        self.generator = torch.Generator().manual_seed(seed)
        self.call = 0

    def begin_text(self):
        self.call = 0

    def moved(self, x, steps):
        noise = torch.rand(x.shape, generator=self.generator, dtype=x.dtype) - 0.5
        return torch.where(x == 0, x, x + noise * steps)

    def moved_in_bf16(self, x):
        return self.moved(x, torch.exp2(torch.frexp(x).exponent.to(x.dtype) - 8))

    def range_of(self, x, axes):
        low, high = x.amin(axes, keepdim=True).clamp(max=0), x.amax(axes, keepdim=True).clamp(min=0)
        if not self.whole:
            return high - low
        if self.finding and self.call == len(self.ranges):
            self.ranges.append((low.min(), high.max()))
        elif self.finding:
            was = self.ranges[self.call]
            self.ranges[self.call] = torch.minimum(was[0], low.min()), torch.maximum(was[1], high.max())
        low, high = self.ranges[self.call]
        self.call += 1
        return high - low

    def dense(self, name, product):
        if not self.int8:
            return product.of(self.moved_in_bf16(product.left), self.moved_in_bf16(product.right))
        steps = self.range_of(product.left, product.axes[0]) / 255
        if self.finding:
            return product.of(product.left, product.right)
        largest = product.right.abs().amax(product.axes[1], keepdim=True)
        return product.of(self.moved(product.left, steps), self.moved(product.right, largest / 127))

    def attention(self, product):
        if self.whole:
            return product.of(product.left, product.right)
        return product.of(self.moved_in_bf16(product.left), self.moved_in_bf16(product.right))


def spread(original, inputs, exact, compute_type, whole=False, draws=4):
    """How far such random roundings lead a text's outputs from the exact ones: root mean square over draws and outputs,
    of the text where that is largest. `inputs`: batches of one text."""
    squares = []
    found = AtRandom(original.model, compute_type, seed=0, whole=whole)
    if whole:
        run(found, original, inputs)
    for seed in range(draws):
        mode = AtRandom(original.model, compute_type, seed, whole)
        mode.ranges, mode.finding = found.ranges, False
        squares.append((run(mode, original, inputs) - exact).square().mean(dim=1))
    return torch.stack(squares).mean(dim=0).max().sqrt().item()


def run(mode, original, inputs):
    answers = []
    for one in inputs:
        mode.begin_text()
        with mode:
            answers.append(original.padded(one))
    return torch.cat(answers)


class Quantised(Products):
    """Dense layers as DynamicQuantizeLinear and MatMulInteger compute them in the exported graph: activations of 8 bits,
    quantised over all rows that the graph has there, weights of 8 bits, quantised for each output."""

    MOST = torch.tensor(127.0)  # of a weight; a tensor, since a number over a tensor is not rounded once

    def __init__(self, original, unpadded):
        super().__init__(original.model)
        self.original, self.unpadded = original, unpadded
        self.config = original.config
        self.calls, self.last_layer = [], None
        self.row_major = self.config.model_type != "xlnet"  # whose states are [S, B, C]
        self.reduces_queries = knows_no_places(self.config)
        self.pools_one_row = pools_one_row(self.config)
        if original.config.pad_token_id is None:  # transformers would refuse a batch
            original.model.config.pad_token_id = padding(original.config)
        if hasattr(original.model, "sequence_summary"):
            count_no_padding(original.model.sequence_summary, self)

    def padded(self, feed):
        """The batch in int8."""
        with self.told(feed):
            return self.original.padded(feed)

    def told(self, feed):
        """Itself, to be entered, for this batch."""
        self.mask = feed["attention_mask"] == 1
        self.places = pooled_places(self.config, feed)
        self.pooled = torch.zeros_like(self.mask)
        self.pooled[torch.arange(len(self.mask)), self.places] = True
        if self.last_layer is None:
            self.find_last_layer(feed)
        self.calls = []
        return self

    def find_last_layer(self, feed):
        """Its number among the calls of dense layers, which is known when all have run."""
        self.last_layer = 0
        with self:
            self.original.padded(feed)
        starts = [i for i, name in enumerate(self.calls) if layer_of(name) in (*QUERIES, *QUERIES_KEYS_AND_VALUES)]
        self.last_layer = starts[-1]

    def rows(self, name, place):
        """Which tokens the graph has there, [B, S]."""
        everything = self.mask if self.unpadded else torch.ones_like(self.mask)
        if place < self.last_layer or not self.pools_one_row:
            return everything
        layer = layer_of(name)
        if layer in (*KEYS_AND_VALUES, *QUERIES_KEYS_AND_VALUES):
            return everything
        return everything if layer in QUERIES and not self.reduces_queries else self.pooled

    def dense(self, name, product):
        rows, x = self.rows(name, len(self.calls)), product.left
        width = x.shape[-1] if len(product.axes[0]) == 1 else x.shape[-1] * x.shape[-2]
        values = x.reshape(-1, width)
        if len(values) != rows.numel():  # DeBERTa's rows of positions, which go through the same layers, in fp32
            return product.of(x, product.right)
        self.calls.append(name)
        values = values[(rows if self.row_major else rows.t()).reshape(-1)]
        low, high = values.min().clamp(max=0), values.max().clamp(min=0)
        scale = (high - low) / 255
        zero = torch.round(-low / scale)
        steps = (torch.round(x / scale) + zero).clamp(0, 255) - zero
        largest = product.right.abs().amax(product.axes[1], keepdim=True)
        whole = product.of(steps, torch.round(product.right * (self.MOST / largest)), biased=False)
        scaled = whole * (scale * (largest / self.MOST).squeeze(product.axes[1]))
        return scaled if product.bias() is None else scaled + product.bias()


def count_no_padding(summary, batch):
    """Transformers summarises padded rows too: gives the summary each text's own row, or mean, instead."""
    forward, kind = summary.forward, summary.summary_type

    def of_texts(states, cls_index=None):
        if kind == "mean":
            weights = batch.mask[:, :, None].to(states.dtype)
            row = (states * weights).sum(dim=1, keepdim=True) / weights.sum(dim=1, keepdim=True)
        else:
            row = states[torch.arange(len(states)), batch.places][:, None]
        return forward(row, cls_index)

    summary.forward = of_texts


def knows_no_places(config):
    """Whether attention depends on no place, so that the export need compute the pooled query only."""
    kind = config.model_type
    if kind in ("mpnet", "modernbert", "gpt2", "xlnet"):
        return False
    return not (kind in ("xlm", "flaubert") and config.causal or kind == "deberta-v2" and config.relative_attention)


def pools_one_row(config):
    """Whether the last layer need compute one row of a text only."""
    if config.model_type == "modernbert":
        return config.classifier_pooling == "cls" or is_encoder(config)
    if config.model_type == "deberta-v2" and getattr(config, "conv_kernel_size", 0) > 0:
        return config.num_hidden_layers > 1
    return getattr(config, "summary_type", "first") != "mean" or is_encoder(config) or config.model_type == "gpt2"
