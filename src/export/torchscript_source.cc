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
  const std::string bias = layer.bias.name.empty() ? "None" : parameter(layer.bias);
  return fmt::format("torch.linear({}, {}, {})", x, parameter(layer.weight), bias);
}

std::string layer_norm(std::string_view x, const LayerNorm& norm) {
  return fmt::format("torch.layer_norm({}, [{}], {}, {}, {})", x, norm.scale.shape.front(), parameter(norm.scale),
                     parameter(norm.bias), number(norm.epsilon));
}

std::string activation(const std::string& x, Activation function) {
  switch (function) {
    case Activation::kNone:
      return x;
    case Activation::kGelu:
      return fmt::format("torch.gelu({})", x);
    case Activation::kTanh:
      return fmt::format("torch.tanh({})", x);
    case Activation::kRelu:
      return fmt::format("torch.relu({})", x);
    case Activation::kGeluTanh:
    case Activation::kSilu:
    case Activation::kMish:
      break;
  }
  throw Error(ErrorCode::kInternal, "[export torchscript] An activation has no TorchScript form.");
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
    for (const int32_t layer : network_.layers) add(network_.blocks[static_cast<std::size_t>(layer)]);
    switch (network_.pooling) {
      case Pooling::kFirstToken:
        line("x = x.select(1, 0)");
        break;
      case Pooling::kLastToken:
      case Pooling::kMean:
        throw Error(ErrorCode::kUnsupported, "[export torchscript] A pooling has no TorchScript form.");
    }
    for (const HeadStep& step : network_.head) line("x = " + activation(dense("x", step.dense), step.activation));
    line("return x.float()");
    return text_;
  }

 private:
  void line(std::string_view statement) { text_ += fmt::format("  {}\n", statement); }

  void embeddings() {
    const Embeddings& embeddings = network_.embeddings;
    line(fmt::format("x = torch.embedding({}, input_ids)", parameter(embeddings.words)));
    if (typed_) {
      line("types = torch.zeros_like(input_ids)");
      line("if token_type_ids is not None:");
      line("  types = token_type_ids");
      line(fmt::format("x = x + torch.embedding({}, types)", parameter(embeddings.token_types)));
    } else if (!embeddings.token_types.name.empty()) {
      line(fmt::format("x = x + {}.select(0, 0)", parameter(embeddings.token_types)));
    }
    if (embeddings.uncounted_id >= 0) {
      line(fmt::format("counted = input_ids.ne({}).long()", embeddings.uncounted_id));
      line(fmt::format("rows = counted.cumsum(1) * counted + {}", embeddings.position_offset - 1));
    } else {
      line(fmt::format("rows = torch.ones_like(input_ids).long().cumsum(1) + {}", embeddings.position_offset - 1));
    }
    line(fmt::format("x = x + torch.embedding({}, rows)", parameter(embeddings.positions)));
    line("x = " + layer_norm("x", embeddings.norm));
  }

  std::string heads(const SelfAttention& layer, const Dense& projection) const {
    return fmt::format("{}.unflatten(2, [{}, {}]).transpose(1, 2)", dense("x", projection), layer.heads,
                       layer.head_dim);
  }

  void add(const Block& block) {
    const SelfAttention& attention = block.attention;
    line("q = " + heads(attention, attention.query));
    line("k = " + heads(attention, attention.key));
    line("v = " + heads(attention, attention.value));
    line(fmt::format("y = torch.scaled_dot_product_attention(q, k, v, keep, 0.0, False, scale={})",
                     number(attention.scale)));
    line("y = " + dense("y.transpose(1, 2).flatten(2)", attention.output));
    line("x = " + layer_norm("y + x", block.attention_norm));
    line("y = " + activation(dense("x", block.ffn.up), block.ffn.activation));
    line("y = " + dense("y", block.ffn.down));
    line("x = " + layer_norm("y + x", block.ffn_norm));
  }

  const Network& network_;
  bool typed_;
  std::string text_;
};

}  // namespace

std::string torchscript_source(const Network& network) { return Source(network).build(); }

}  // namespace paceline
