"""The original models in int8, as the ONNX export writes them: each dense layer of a block multiplies activations of 8
bits, quantised over all rows that reach it, with weights of 8 bits, quantised for each output."""

import torch

MOST = torch.tensor(127.0)  # of a weight, a tensor since a number over a tensor is not rounded once; activations: 0 to 255


class QuantisedDense(torch.nn.Module):
    """A dense layer as DynamicQuantizeLinear and MatMulInteger compute it. `rows` says which rows of [B, S, C] the
    exported graph has: the others share no range with them."""

    def __init__(self, dense, rows):
        super().__init__()
        self.rows = rows
        self.bias = dense.bias
        largest = dense.weight.abs().amax(1)
        self.scales = largest / MOST
        self.weight = torch.round(dense.weight * (MOST / largest)[:, None])

    def forward(self, x):
        rows = x[self.rows()]
        low, high = rows.min().clamp(max=0), rows.max().clamp(min=0)
        scale = (high - low) / 255
        zero = torch.round(-low / scale)
        values = (torch.round(x / scale) + zero).clamp(0, 255) - zero
        return torch.nn.functional.linear(values, self.weight) * (scale * self.scales) + self.bias


def quantise(model, unpadded):
    """Replaces the dense layers of every block. Returns a function that must be told each batch's mask [B, S]."""
    batch = {}

    def all_rows():
        return batch["mask"] == 1 if unpadded else torch.ones_like(batch["mask"], dtype=torch.bool)

    def first_rows():
        rows = torch.zeros_like(batch["mask"], dtype=torch.bool)
        rows[:, 0] = True
        return rows

    blocks = model.base_model.encoder.layer
    for block in blocks:
        some = first_rows if block is blocks[-1] else all_rows
        attention = block.attention.self
        attention.query = QuantisedDense(attention.query, some)
        attention.key = QuantisedDense(attention.key, all_rows)
        attention.value = QuantisedDense(attention.value, all_rows)
        for part in (block.attention.output, block.intermediate, block.output):
            part.dense = QuantisedDense(part.dense, some)
    return lambda mask: batch.update(mask=mask)
