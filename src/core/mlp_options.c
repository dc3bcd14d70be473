/*
 * mlp_options.c: the table of the multi-layer perceptron's options.
 */
#include "private_fit.h"

const lt_option lt_mlp_options[] = {
    {"hidden", LT_OPT_INTS, "[64, 32]", 1, LT_MLP_WIDTH, NULL,
     "units of each hidden layer, first to last; an empty list makes a linear model"},
    {"activation", LT_OPT_ENUM, "relu", 0, 0, "relu|tanh|sigmoid|gelu", "function of the hidden units"},
    {"dropout", LT_OPT_FLOAT, "0", 0, 0.9, NULL, "share of the hidden units left out at random in each training step"},
    {"batch_norm", LT_OPT_BOOL, "false", 0, 0, NULL, "whether hidden layers are normalised over each batch"},
    {"loss", LT_OPT_ENUM, "auto", 0, 0, "auto|logistic|squared|huber|poisson|softmax",
     "what is minimised; auto: logistic for boolean labels and implicit feedback, squared for numbers; softmax, for "
     "implicit feedback: which item a user takes among the sampled negatives; its predictions are no probabilities but "
     "say how many times as likely one item is as another for the same user"},
    {"huber_delta", LT_OPT_FLOAT, "1", 1e-9, 1e15, NULL,
     "the error, in the label's unit, beyond which the Huber loss grows linearly"},
    {"optimizer", LT_OPT_ENUM, "adam", 0, 0, "adam|momentum|sgd", "how weights follow the gradient"},
    {"learning_rate", LT_OPT_FLOAT, "0.001", 1e-9, 100, NULL, "step size of the optimizer"},
    {"momentum", LT_OPT_FLOAT, "0.9", 0, 0.999, NULL, "share of the last step kept, with optimizer momentum"},
    {"batch_size", LT_OPT_INT, "256", 1, 65536, NULL,
     "examples per step, sampled negatives included; with loss softmax at least one positive and its negatives"},
    {"epochs", LT_OPT_INT, "20", 1, 100000, NULL, "the most passes over the training examples"},
    {"regularization", LT_OPT_FLOAT, "0.0001", 0, 1e12, NULL,
     "l2 penalty: half of this times the sum of squared weights, against the sum of all examples' losses"},
    {"l1", LT_OPT_FLOAT, "0", 0, 1e12, NULL, "l1 penalty: this times the sum of absolute weights"},
    {"tolerance", LT_OPT_FLOAT, "0.0001", 0, 1e6, NULL, "the least fall of the loss that early_stopping counts"},
    {"early_stopping", LT_OPT_INT, "-1", -1, 100000, NULL,
     "epochs without a lower validation loss after which training stops and returns to the best weights; without a "
     "validation part the training loss is watched; 0: never; -1: 3 where there are labels, never for implicit "
     "feedback, "
     "whose loss against sampled negatives says little of rankings"},
    {"embedding", LT_OPT_INT, "16", 0, 1024, NULL,
     "width of the learned vectors of users and items; 0: none; without users it is ignored"},
    {"factors", LT_OPT_INT, "0", 0, 1024, NULL,
     "width of the product branch: learned vectors of users and items, apart from embedding, whose product, factor by "
     "factor, joins the last hidden layer; 0: none; without users it is ignored"},
    {"class_weight", LT_OPT_ENUM, "none", 0, 0, "none|balanced",
     "balanced: both classes of a boolean label weigh the same in all"},
    {"negatives", LT_OPT_INT, "4", 1, 1000, NULL, "items drawn as negatives per positive, for implicit feedback"},
    {"negative_exponent", LT_OPT_FLOAT, "0", 0, 2, NULL,
     "negatives are drawn in proportion to popularity to this power; 0: all alike"},
    {"sampling_correction", LT_OPT_BOOL, "false", 0, 0, NULL,
     "whether scores are corrected for the sampling of negatives, so that they hold for the full catalogue; with loss "
     "softmax they are unless false is given"},
    LT_PRIVATE_OPTIONS,
};

_Static_assert(sizeof lt_mlp_options / sizeof *lt_mlp_options == LT_MLP_OPTIONS, "their number is in mlp_network.h");
