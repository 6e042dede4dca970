#include "export/torchscript_source.h"

#include <fmt/format.h>

#include <cctype>
#include <string_view>

#include "paceline/error.h"

namespace paceline {
namespace {

// A float literal: TorchScript takes "1" for an integer.
std::string number(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

// "a.layer.0.weight" -> getattr(self.a.layer, "0").weight: a number is no name that source text can have.
std::string parameter(const Weight& weight) {
  std::string expression = "self";
  std::size_t begin = 0;
  while (begin <= weight.name.size()) {
    const std::size_t end = std::min(weight.name.find('.', begin), weight.name.size());
    const std::string_view part = std::string_view(weight.name).substr(begin, end - begin);
    const bool numeric = !part.empty() && std::isdigit(static_cast<unsigned char>(part.front())) != 0;
    expression =
        numeric ? fmt::format("getattr({}, \"{}\")", expression, part) : fmt::format("{}.{}", expression, part);
    begin = end + 1;
  }
  return expression;
}

std::string dense(std::string_view x, const Dense& layer) {
  std::string weight = parameter(layer.weight);
  std::string bias = layer.bias.exists() ? parameter(layer.bias) : "None";
  int64_t outputs = 1;
  for (const int64_t size : layer.weight.shape) outputs *= size;
  outputs /= layer.in;
  if (layer.weight.shape.size() != 2) {
    weight += layer.transposed ? fmt::format(".reshape([{}, {}])", layer.in, outputs)
                               : fmt::format(".reshape([{}, {}])", outputs, layer.in);
  }
  if (layer.transposed) weight += ".t()";
  if (outputs != layer.out) {
    const std::string part = fmt::format(".narrow(0, {}, {})", layer.first, layer.out);
    weight += part;
    if (layer.bias.exists()) bias += part;
  }
  return fmt::format("torch.linear({}, {}, {})", x, weight, bias);
}

std::string layer_norm(const std::string& x, const LayerNorm& norm) {
  if (!norm.exists()) return x;
  return fmt::format("torch.layer_norm({}, [{}], {}, {}, {})", x, norm.scale.shape.front(), parameter(norm.scale),
                     norm.bias.exists() ? parameter(norm.bias) : "None", number(norm.epsilon));
}

std::string activation(const std::string& x, Activation function) {
  switch (function) {
    case Activation::kNone:
      return x;
    case Activation::kGelu:
      return fmt::format("torch.gelu({})", x);
    case Activation::kGeluTanh:
      return fmt::format("torch.gelu({}, approximate=\"tanh\")", x);
    case Activation::kTanh:
      return fmt::format("torch.tanh({})", x);
    case Activation::kRelu:
      return fmt::format("torch.relu({})", x);
    case Activation::kSilu:
      return fmt::format("torch.silu({})", x);
    case Activation::kMish:
      return fmt::format("torch.mish({})", x);
  }
  throw Error(ErrorCode::kInternal, "[export torchscript] An activation has no TorchScript form.");
}

/// What only a trace has.
void refuse_what_is_not_written(const Network& network) {
  const auto refuse = [&](std::string_view what) {
    throw Error(
        ErrorCode::kUnsupported,
        fmt::format("[export torchscript] The model has {}, which --how script cannot write. Use --how trace.", what));
  };
  if (network.relative.kind != RelativeKind::kNone) refuse("relative positions");
  if (network.convolution.exists()) refuse("a convolution");
  for (const Block& block : network.blocks) {
    if (block.attention.rotary.exists()) refuse("rotary positions");
    if (block.attention.visible_before >= 0 || block.attention.visible_after >= 0) {
      refuse("attention that does not see all tokens");
    }
  }
}

class Source {
 public:
  explicit Source(const Network& network) : network_(network), typed_(network.token_types > 1) {}

  std::string build() {
    text_ = fmt::format("def forward(self, input_ids: Tensor, attention_mask: Optional[Tensor] = None{}) -> Tensor:\n",
                        typed_ ? ", token_type_ids: Optional[Tensor] = None" : "");
    line("keep: Optional[Tensor] = None");
    line("if attention_mask is not None:");
    line("  keep = attention_mask.ne(0).unsqueeze(1).unsqueeze(1)");
    embeddings();
    for (std::size_t i = 0; i < network_.layers.size(); ++i) add(network_.layer(i));
    line("x = " + layer_norm("x", network_.final_norm));
    pool();
    for (const HeadStep& step : network_.head) {
      line("x = " + layer_norm(activation(dense("x", step.dense), step.activation), step.norm));
    }
    line("return x.float()");
    return text_;
  }

 private:
  void line(std::string_view statement) { text_ += fmt::format("  {}\n", statement); }

  void embeddings() {
    const Embeddings& embeddings = network_.embeddings;
    line(fmt::format("x = torch.embedding({}, input_ids)", parameter(embeddings.words)));
    if (typed_ && embeddings.token_types.exists()) {
      if (network_.without_types == WithoutTypes::kNothing) {
        line("if token_type_ids is not None:");
        line(fmt::format("  x = x + torch.embedding({}, token_type_ids)", parameter(embeddings.token_types)));
      } else {
        line("types = torch.zeros_like(input_ids)");
        line("if token_type_ids is not None:");
        line("  types = token_type_ids");
        line(fmt::format("x = x + torch.embedding({}, types)", parameter(embeddings.token_types)));
      }
    } else if (embeddings.token_types.exists()) {
      line(fmt::format("x = x + {}.select(0, 0)", parameter(embeddings.token_types)));
    }
    if (embeddings.positions.exists()) {
      if (embeddings.uncounted_id >= 0) {
        line(fmt::format("counted = input_ids.ne({}).long()", embeddings.uncounted_id));
        line(fmt::format("rows = counted.cumsum(1) * counted + {}", embeddings.position_offset - 1));
      } else {
        line(fmt::format("rows = torch.ones_like(input_ids).long().cumsum(1) + {}", embeddings.position_offset - 1));
      }
      line(fmt::format("x = x + torch.embedding({}, rows)", parameter(embeddings.positions)));
    }
    if (!embeddings.project_first) line("x = " + layer_norm("x", embeddings.norm));
    if (embeddings.projection.exists()) line("x = " + dense("x", embeddings.projection));
    if (embeddings.project_first) line("x = " + layer_norm("x", embeddings.norm));
  }

  static std::string heads(const SelfAttention& layer, const Dense& projection) {
    return fmt::format("{}.unflatten(2, [{}, {}]).transpose(1, 2)", dense("y", projection), layer.heads,
                       layer.head_dim);
  }

  void add(const Block& block) {
    const SelfAttention& attention = block.attention;
    const bool before = block.norm_before;
    line("y = " + (before ? layer_norm("x", block.attention_norm) : "x"));
    line("q = " + heads(attention, attention.query));
    line("k = " + heads(attention, attention.key));
    line("v = " + heads(attention, attention.value));
    line(fmt::format("y = torch.scaled_dot_product_attention(q, k, v, keep, 0.0, False, scale={})",
                     number(attention.scale)));
    line("y = " + dense("y.transpose(1, 2).flatten(2)", attention.output));
    line("x = " + (before ? "y + x" : layer_norm("y + x", block.attention_norm)));
    if (before) line("y = " + layer_norm("x", block.ffn_norm));
    const std::string inner = before ? "y" : "x";
    const std::string gate = block.ffn.gate.exists() ? " * " + dense(inner, block.ffn.gate) : "";
    line("y = " + activation(dense(inner, block.ffn.up), block.ffn.activation) + gate);
    line("y = " + dense("y", block.ffn.down));
    line("x = " + (before ? "y + x" : layer_norm("y + x", block.ffn_norm)));
  }

  void pool() {
    switch (network_.pooling) {
      case Pooling::kFirstToken:
        return line("x = x.select(1, 0)");
      case Pooling::kMean:
        line("real = torch.ones_like(input_ids).ne(0)");
        line("if attention_mask is not None:");
        line("  real = attention_mask.ne(0)");
        line("weights = real.to(x.dtype).unsqueeze(-1)");
        return line("x = (x * weights).sum(1) / weights.sum(1)");
      case Pooling::kLastToken:
        line("counted = torch.ones_like(input_ids).long()");
        line("numbers = counted.cumsum(1)");
        line("if attention_mask is not None:");
        line("  counted = counted * attention_mask.ne(0).long()");
        if (network_.pooling_skips >= 0) {
          line(fmt::format("counted = counted * input_ids.ne({}).long()", network_.pooling_skips));
        }
        line("place = torch.argmax(counted * numbers, 1).unsqueeze(-1).unsqueeze(-1)");
        return line("x = torch.take_along_dim(x, place, 1).squeeze(1)");
    }
  }

  const Network& network_;
  bool typed_;
  std::string text_;
};

}  // namespace

std::string torchscript_source(const Network& network) {
  refuse_what_is_not_written(network);
  return Source(network).build();
}

}  // namespace paceline
