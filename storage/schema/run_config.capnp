# The config of a run: every key, its default, its limits, its unit and its meaning. YAML spells the keys in
# snake_case (base/config_schema.h); `troupe config explain` prints this file's documentation.
# Names are HF's for a model's fields and verl's for training.
@0x973b6a9f4a61be64;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("troupe");

annotation doc @0xba4df729bc537f75 (field, enumerant) :Text;
annotation min @0xd1a81e68df24e2ac (field) :Float64;    # the least number allowed
annotation above @0xb381574b372eec78 (field) :Float64;  # every number allowed is greater
annotation unit @0xae142b669e2e04de (field) :Text;    # of the number
annotation max @0xaf43a273afa51d2a (field) :Float64;    # the greatest number allowed

struct RunConfig {
  run @0 :Run $doc("the run itself: its folder and its seed");
  cluster @1 :Cluster $doc("the node processes that the run starts");
  model @2 :Model $doc("the model that is trained");
  roles @3 :Roles $doc("which node hosts which role");
  task @4 :Task $doc("where prompts and demonstrations come from");
  sft @5 :Sft $doc("the supervised warm-up before PPO");
  reward @6 :Reward $doc("what scores a response");
  algorithm @7 :Algorithm $doc("advantages and the KL penalty");
  actor @8 :Actor $doc("training of the policy");
  critic @9 :Critic $doc("training of the critic");
  rollout @10 :Rollout $doc("generation of responses for training");
  trainer @11 :Trainer $doc("how many steps, and what happens in between");
  numerics @12 :Numerics $doc("the one order of addition: part of the run's identity");
  parallel @13 :Parallel $doc("how training is laid out");

  struct Run {
    dir @0 :Text $doc("folder of everything the run writes; empty: runs/<config>-<UTC time>");
    seed @1 :UInt64 = 1 $doc("address of every random number of the run");
    name @2 :Text $doc("what to call the run when it is shown; empty: nothing");
    stopAfterStep @3 :Int32 = 0 $unit("steps") $min(0)
        $doc("end in order after this PPO step, to be resumed later; 0: run to the end");
  }

  struct Cluster {
    nodes @0 :List(Node) $doc("the run's node processes; the first hosts every role without a place");
    heartbeatIntervalSeconds @1 :Float64 = 1 $unit("seconds") $above(0) $max(3600)
        $doc("seconds between a node's signs of life");
    heartbeatLimitSeconds @2 :Float64 = 15 $unit("seconds") $above(0) $max(86400)
        $doc("seconds of silence after which a node counts as dead");
    oneProcess @3 :Bool = false $doc("host the actors of all nodes in a single process");
    traceIntervalSeconds @4 :Float64 = 0.5 $unit("seconds") $min(0) $max(3600)
        $doc("seconds between what the journal notes of a running step; 0: actors are not traced");
    hugePages @5 :Bool = true $doc("tensors may lie in huge pages, where the kernel gives them");
  }

  struct Node {
    name @0 :Text $doc("the part of an actor's address behind the @");
    computeThreads @1 :Int32 = 0 $unit("threads") $min(0) $max(1024)
        $doc("threads that compute; 0: the host's cores divided by its nodes");
    member @2 :Text $doc("with --cluster, which node of the cluster hosts it; empty: the one of its own name, else the one with most room");
    cores @3 :Text $doc("cores that the node's threads keep to, such as 0-3,8; empty: any");
    numaNode @4 :Int32 = -1 $min(-1) $max(1023)
        $doc("NUMA node whose cores it keeps to, and whose memory it takes; -1: any");
  }

  enum DType {
    f32 @0;
    bf16 @1;
  }

  struct Model {
    path @0 :Text $doc("a GGUF file or an HF folder; empty: a new model made from model.config");
    dtype @1 :DType = f32 $doc("dtype of weights and activations; bf16 keeps f32 master weights");
    config @2 :ModelConfig $doc("fields of a new model, as in HF's config.json");
  }

  struct ModelConfig {
    hiddenSize @0 :Int32 = 128 $unit("columns") $min(8) $max(65536) $doc("width of the residual stream");
    numHiddenLayers @1 :Int32 = 5 $unit("layers") $min(1) $max(1024) $doc("decoder layers");
    numAttentionHeads @2 :Int32 = 4 $unit("heads") $min(1) $max(1024) $doc("query heads");
    numKeyValueHeads @3 :Int32 = 2 $unit("heads") $min(1) $max(1024) $doc("key and value heads; divides the query heads");
    intermediateSize @4 :Int32 = 320 $unit("columns") $min(8) $max(262144) $doc("width of the feed-forward layer");
    vocabSize @5 :Int32 = 256 $unit("tokens") $min(2) $max(1048576) $doc("token ids; 256: one per byte");
    maxPositionEmbeddings @6 :Int32 = 64 $unit("tokens") $min(2) $max(16777216) $doc("tokens that a sequence may have");
    rmsNormEps @7 :Float64 = 1e-5 $above(0) $max(1) $doc("added to the mean square before its root");
    ropeTheta @8 :Float64 = 10000 $above(0) $doc("base of the rotary wavelengths");
    tieWordEmbeddings @9 :Bool = true $doc("the head uses the embedding's weights");
    eosTokenId @10 :Int32 = 10 $min(0) $doc("token that ends a response; 10: the line feed of the byte vocabulary");
  }

  struct Roles {
    policy @0 :Stages $doc("the model that is trained");
    reference @1 :Stages $doc("the frozen policy that KL is measured against");
    reward @2 :Stages $doc("the reward model, or the reward rule");
    critic @3 :Stages $doc("the value model");
    rollout @4 :Replicas $doc("the engines that generate");
    promptSource @5 :Text $doc("node that hands out prompts; empty: the first node");
    ledger @6 :Text $doc("node that records trajectories; empty: the first node");
    packer @7 :Text $doc("node that packs trajectories; empty: the first node");
    coordinator @8 :Text $doc("node that decides; empty: the first node");
  }

  struct Stages {
    stages @0 :List(Text) $doc("a node for each pipeline stage, in order; of the policy with parallel.*, nodes that its ranks are dealt to; empty: the first node");
  }

  struct Replicas {
    nodes @0 :List(Text) $doc("a node for each replica; empty: one replica on the first node");
  }

  enum TaskKind {
    sortDigits @0 $doc("five digits to put in order, generated and checkable");
    promptList @1 $doc("prompts from a text file, one a line");
  }

  struct Task {
    kind @0 :TaskKind = sortDigits $doc("the kind of task");
    path @1 :Text $doc("the file of task.kind prompt_list");
    chat @2 :Bool = false $doc("wrap each prompt in the model's chat template");
    ascendingShare @3 :Float64 = 0.35 $min(0) $max(1)
        $doc("share of sort_digits demonstrations in ascending order; the others descend");
    maxPromptLength @4 :Int32 = 1024 $unit("tokens") $min(1) $doc("tokens; a longer prompt is an error");
  }

  enum LrSchedulerType {
    constant @0 $doc("lr after the warm-up");
    linear @1 $doc("a straight line from lr down to lr * min_lr_ratio at the last step");
    cosine @2 $doc("half a cosine from lr down to lr * min_lr_ratio at the last step");
  }

  struct Optim {
    lr @0 :Float64 = 1e-6 $min(0) $max(10) $doc("AdamW's peak learning rate");
    betas @1 :List(Float64) = [0.9, 0.999] $min(0) $max(1) $doc("AdamW's two decay rates");
    eps @2 :Float64 = 1e-8 $above(0) $max(1) $doc("AdamW's epsilon");
    weightDecay @3 :Float64 = 0 $min(0) $max(10) $doc("decoupled weight decay per unit of learning rate");
    lrWarmupSteps @4 :Int32 = 0 $unit("steps") $min(0) $doc("steps over which the learning rate rises from 0");
    lrSchedulerType @5 :LrSchedulerType = constant $doc("the learning rate's course after the warm-up");
    minLrRatio @6 :Float64 = 0 $min(0) $max(1) $doc("learning rate at the end, as a share of lr");
    totalTrainingSteps @7 :Int32 = 0 $unit("steps") $min(0) $doc("the step at which the end is reached; 0: the phase's last");
    clipGrad @8 :Float64 = 1 $min(0) $doc("greatest global gradient norm; 0: no clipping");
  }

  struct Sft {
    steps @0 :Int32 = 0 $unit("steps") $min(0) $doc("optimizer steps; 0: no warm-up");
    batchSize @1 :Int32 = 128 $unit("demonstrations") $min(1) $doc("demonstrations per step");
    maxTokensPerPack @2 :Int32 = 2048 $unit("tokens") $min(1) $doc("tokens of a micro-batch at most");
    optim @3 :Optim = (lr = 2e-3, betas = [0.9, 0.95], weightDecay = 0.01) $doc("AdamW");
  }

  enum RewardKind {
    model @0 $doc("a reward model, trained on generated preference pairs");
    vader @1 $doc("VADER sentiment of the response, from -1 to 1");
  }

  struct Reward {
    kind @0 :RewardKind = model $doc("what scores a response");
    lexiconPath @1 :Text = "models/vader_lexicon.txt" $doc("VADER's lexicon (tools/fetch_model.sh brings it)");
    steps @2 :Int32 = 0 $unit("steps") $min(0) $doc("optimizer steps of the reward model");
    pairsPerStep @3 :Int32 = 64 $unit("pairs") $min(1) $doc("preference pairs per step");
    poolPrompts @4 :Int32 = 1536 $unit("prompts") $min(1) $doc("prompts that pairs are made from");
    samplesPerPrompt @5 :Int32 = 2 $unit("answers") $min(1) $max(64) $doc("the policy's own answers to each of these prompts");
    scoreL2Coef @6 :Float64 = 1e-3 $min(0) $doc("weight of the mean squared score in the ranking loss");
    statisticsSamples @7 :Int32 = 512 $unit("answers") $min(0)
        $doc("answers whose scores' mean and deviation centre and scale all scores; 0: raw scores");
    scoreClip @8 :Float64 = 5 $min(0) $doc("greatest size of a centred and scaled score; 0: no clipping");
    optim @9 :Optim = (lr = 1e-3, betas = [0.9, 0.95]) $doc("AdamW");
    maxTokensPerPack @10 :Int32 = 2048 $unit("tokens") $min(1) $doc("tokens of a micro-batch at most");
  }

  enum AdvEstimator {
    gae @0 $doc("generalised advantage estimation with a critic");
    grpo @1 $doc("a score against the mean and deviation of its prompt's group; no critic");
    rloo @2 $doc("a score against the mean of the others of its group; no critic");
  }

  enum KlCtrlType {
    fixed @0 $doc("kl_coef stays");
    adaptive @1 $doc("kl_coef follows target_kl");
  }

  struct KlCtrl {
    type @0 :KlCtrlType = fixed $doc("how the KL weight changes");
    klCoef @1 :Float64 = 1e-3 $min(0) $doc("weight of the KL penalty, at the start if adaptive");
    targetKl @2 :Float64 = 0.1 $unit("nats") $above(0) $doc("nats per response that an adaptive controller aims at");
    horizon @3 :Int32 = 10000 $unit("responses") $min(1) $doc("responses over which an adaptive controller acts");
  }

  enum KlType {
    kl @0 $doc("k1: the log-prob difference");
    abs @1 $doc("its size");
    mse @2 $doc("k2: half its square");
    lowVarKl @3 $doc("k3: exp(d) - d - 1, never negative");
  }

  struct Algorithm {
    advEstimator @0 :AdvEstimator = gae $doc("how advantages are estimated");
    gamma @1 :Float64 = 1 $min(0) $max(1) $doc("discount per token");
    lam @2 :Float64 = 0.95 $min(0) $max(1) $doc("GAE's lambda");
    useKlInReward @3 :Bool = true $doc("subtract the KL penalty from each token's reward");
    klPenalty @4 :KlType = kl $doc("estimator of the KL penalty in the reward");
    klCtrl @5 :KlCtrl $doc("weight of the KL penalty in the reward");
    whitenAdvantages @6 :Bool = true $doc("whiten GAE's advantages over all response tokens of a step");
    normAdvByStdInGrpo @7 :Bool = true $doc("divide by the group's deviation; false: Dr. GRPO");
    missingEosPenalty @8 :Float64 = 0 $min(0) $doc("subtracted from the score of a response that was cut off");
  }

  enum LossAggMode {
    tokenMean @0 $doc("mean over all response tokens of the mini-batch");
    seqMeanTokenMean @1 $doc("mean over sequences of the mean over tokens");
    seqMeanTokenSum @2 $doc("mean over sequences of the sum over tokens");
  }

  struct Actor {
    optim @0 :Optim = (lr = 1e-6) $doc("AdamW");
    ppoEpochs @1 :Int32 = 1 $unit("passes") $min(1) $max(1000) $doc("passes over the trajectories of a step");
    ppoMiniBatches @2 :Int32 = 1 $unit("updates") $min(1) $doc("optimizer updates per pass");
    clipRatio @3 :Float64 = 0.2 $above(0) $doc("distance from 1 at which the probability ratio is clipped");
    clipRatioLow @4 :Float64 = 0 $min(0) $max(1) $doc("the same, downwards; 0: clip_ratio");
    clipRatioHigh @5 :Float64 = 0 $min(0) $doc("the same, upwards; 0: clip_ratio");
    clipRatioC @6 :Float64 = 3 $min(0) $doc("dual clip: greatest ratio under a negative advantage; 0: off");
    entropyCoeff @7 :Float64 = 0 $doc("weight of the entropy bonus");
    useKlLoss @8 :Bool = false $doc("add the KL to the reference to the loss, with gradient");
    klLossCoef @9 :Float64 = 1e-3 $min(0) $doc("weight of the KL in the loss");
    klLossType @10 :KlType = lowVarKl $doc("estimator of the KL in the loss");
    lossAggMode @11 :LossAggMode = tokenMean $doc("how token losses become one number");
    ppoMaxTokenLen @12 :Int32 = 2048 $unit("tokens") $min(1) $doc("tokens of a micro-batch at most");
  }

  struct Critic {
    optim @0 :Optim = (lr = 1e-5) $doc("AdamW");
    ppoEpochs @1 :Int32 = 1 $unit("passes") $min(1) $max(1000) $doc("passes over the trajectories of a step");
    ppoMiniBatches @2 :Int32 = 1 $unit("updates") $min(1) $doc("optimizer updates per pass");
    cliprangeValue @3 :Float64 = 0.5 $min(0) $doc("greatest change of a value in a step; 0: no clipping");
  }

  enum Quantization {
    none @0 $doc("weights as they are trained: log-probs are the trainer's");
    int8 @1 $doc("rounded to 8 bits: metrics report how far log-probs are from the trainer's");
  }

  enum KvCacheDtype {
    auto @0 $doc("keys and values as they are computed");
    int8 @1 $doc("rounded to 8 bits: metrics report how far log-probs are from the trainer's");
  }

  struct Rollout {
    n @0 :Int32 = 1 $unit("responses") $min(1) $max(65536) $doc("responses per prompt");
    promptsPerStep @1 :Int32 = 128 $unit("prompts") $min(1) $doc("prompts per PPO step");
    temperature @2 :Float64 = 1 $above(0) $max(100) $doc("divides the logits, in sampling and in training");
    topK @3 :Int32 = 0 $min(0) $doc("sample from this many likeliest tokens; 0: all");
    topP @4 :Float64 = 1 $above(0) $max(1) $doc("sample from the likeliest tokens that hold this probability");
    minP @5 :Float64 = 0 $min(0) $max(1) $doc("sample tokens at least this likely, relative to the likeliest");
    maxNewTokens @6 :Int32 = 6 $unit("tokens") $min(1) $doc("tokens of a response at most");
    maxRunningSequences @7 :Int32 = 256 $unit("sequences") $min(1) $max(65536) $doc("sequences that an engine generates at once");
    kvBlocks @8 :Int32 = 0 $unit("blocks") $min(0) $doc("cache blocks of an engine, of numerics.key_block tokens; 0: as many as max_running_sequences need");
    ignoreEos @9 :Bool = false $doc("generate on after the end token");
    maxNumBatchedTokens @10 :Int32 = 512 $unit("tokens") $min(1) $doc("prompt tokens that an engine reads in a step; longer prompts are read in chunks");
    quantization @11 :Quantization = none $doc("weights of the engines");
    kvCacheDtype @12 :KvCacheDtype = auto $doc("cache of the engines");
  }

  enum Logger {
    tensorboard @0 $doc("event files in the run's folder tensorboard/");
  }

  struct Trainer {
    totalSteps @0 :Int32 = 14 $unit("steps") $min(0) $doc("PPO steps");
    saveFreq @1 :Int32 = 0 $unit("steps") $min(0) $doc("steps between checkpoints; the last step is always saved; 0: only that");
    testFreq @2 :Int32 = 0 $unit("steps") $min(0) $doc("steps between evaluations; first and last always count; 0: only these");
    evalPrompts @3 :Int32 = 256 $unit("prompts") $min(0) $doc("held-out prompts of an evaluation");
    logger @4 :List(Logger) $doc("where the metrics of a step go besides metrics.jsonl");
    prometheusAddress @5 :Text
        $doc("ADDRESS:PORT where Prometheus gets the run's metrics, such as 127.0.0.1:9464; port 0: any; empty: nowhere");
  }

  enum Recompute {
    none @0 $doc("the backward pass reads what the forward pass kept");
    attention @2 $doc("queries, keys, values and attention's outputs are not kept; the backward pass computes them again");
    layer @1 $doc("only each layer's input is kept; the backward pass computes the layer again");
  }

  struct WeightPlacement {
    weights @0 :Text $doc("a pattern of weight names; * stands for any characters");
    placement @1 :Text = "replicate" $doc("replicate, or shard(DIM) over the tensor axis");
  }

  struct Parallel {
    recompute @0 :Recompute = none $doc("what training computes twice to save memory; changes no bit");
    pipeline @1 :Int32 = 0 $unit("ranks") $min(0) $max(1024)
        $doc("pipeline ranks of the policy; 0: as many as roles.policy.stages names");
    data @2 :Int32 = 1 $unit("ranks") $min(1) $max(1024)
        $doc("data ranks of the policy: each takes whole groups of packs (numerics.data_slices)");
    tensor @3 :Int32 = 1 $unit("ranks") $min(1) $max(64)
        $doc("tensor ranks of the policy: each takes whole slices (numerics.tensor_slices)");
    sequence @4 :Bool = false $doc("between layers, tensor ranks share a pack's tokens instead of each having all");
    zero @5 :Int32 = 0 $min(0) $max(3)
        $doc("what data ranks share: 1 the optimizer's moments, 2 gradients too, 3 weights too");
    schedule @6 :Text = "1f1b" $doc("order of a pipeline's work: gpipe, 1f1b, interleaved, zb-h1 or zbv");
    chunks @7 :Int32 = 0 $unit("chunks") $min(0) $max(64) $doc("parts of the model on each pipeline rank; 0: the schedule's least");
    plan @8 :List(WeightPlacement) $doc("where weights lie against their family's plan");
    auto @10 :Bool = false $doc("look for the fastest layout over the nodes of roles.policy.stages, before the run starts; sets the keys above");
    offload @11 :List(Text) $doc("what training keeps in files instead of memory: optimizer, AdamW's moments; changes no bit");
    offloadFolder @12 :Text $doc("where those files lie; empty: run.dir");
    scheduleTable @9 :Text $doc("a CSV file with the schedule's table for training, as troupe plan --csv writes it; empty: made");
  }

  enum Kernels {
    auto @0 $doc("f32: portable; bf16: the best of the machine that starts the run");
    portable @1 $doc("an order that every machine can follow");
    avx512Bf16 @2 $doc("of AVX-512's bf16 dot products");
    amx @3 $doc("of AMX's tiles");
  }

  struct Numerics {
    tensorSlices @0 :Int32 = 0 $unit("slices") $min(0) $max(64)
        $doc("slices of a contraction that tensor parallelism may cut; 0: the largest divisor of num_key_value_heads up to 8");
    dataSlices @1 :Int32 = 8 $unit("groups") $min(1) $max(1024) $doc("ordered groups of packs whose gradients are added as a tree");
    keyBlock @2 :Int32 = 64 $unit("keys") $min(64) $max(64) $doc("keys that attention takes at a time, and a cache block holds");
    keySpan @3 :Int32 = 1024 $unit("keys") $min(1024) $max(1024) $doc("keys after which attention starts a new partial sum");
    kernels @4 :Kernels = auto $doc("the CPU kernels' order of addition in bf16; in f32 all have the same");
  }
}
