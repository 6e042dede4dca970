#include "model/epilogue.h"

#include "paceline/error.h"

namespace paceline {

Epilogue epilogue_of(Activation activation) {
  switch (activation) {
    case Activation::kNone:
      return Epilogue::kStore;
    case Activation::kGelu:
      return Epilogue::kGelu;
    case Activation::kGeluTanh:
      return Epilogue::kGeluTanh;
    case Activation::kTanh:
      return Epilogue::kTanh;
    case Activation::kRelu:
      return Epilogue::kRelu;
    case Activation::kSilu:
      return Epilogue::kSilu;
    case Activation::kMish:
      return Epilogue::kMish;
  }
  throw Error(ErrorCode::kInternal, "[native] An activation has no kernel.");
}

}  // namespace paceline
