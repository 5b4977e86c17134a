"""The blanks of the homework: the functions that students write, with hints and points."""

from dataclasses import dataclass
from typing import NamedTuple

PYTORCH_UTILS, MLP_POLICY = "cs285/infrastructure/pytorch_utils.py", "cs285/policies/MLP_policy.py"
REPLAY_BUFFER, UTILS = "cs285/infrastructure/replay_buffer.py", "cs285/infrastructure/utils.py"
RL_TRAINER = "cs285/infrastructure/rl_trainer.py"


class Body(NamedTuple):
    """A function whose body students write."""

    file: str  # path of the file below the project's folder
    function: str  # "function" or "Class.method"

    @property
    def module(self) -> str:
        """The dotted name of the module that has the function."""
        return self.file.removesuffix(".py").replace("/", ".")


@dataclass(frozen=True)
class Blank:
    """A part of the homework that is written, checked and graded by itself."""

    bodies: tuple[Body, ...]  # functions to write; code outside of the blank calls the first function
    question: str  # number of the assignment's question
    points: int  # points for a right answer
    read_on: str  # reading that explains the terms of the hints
    hints: str  # lines: first what the function must do, then shapes, then the helpers that it needs

    @property
    def name(self) -> str:
        """Name of the blank in commands and messages: the name of its first function."""
        return self.bodies[0].function.rpartition(".")[2]

    @property
    def file(self) -> str:
        """The file of the blank's first function."""
        return self.bodies[0].file

    @property
    def not_written(self) -> str:
        """The message of the NotImplementedError that a body raises in the student edition."""
        return f"{self.name} is not written yet (question {self.question}, {self.file})"


BLANKS = (
    Blank((Body(PYTORCH_UTILS, "build_mlp"),), "1.1", 3, "nn.Sequential and nn.Linear in PyTorch's documentation", """
Chain n_layers hidden layers of width size, each with activation, and an output layer with output_activation.
Sizes: the first affine layer reads input_size numbers, the last one gives output_size. With n_layers=0 they are one.
Look at nn.Linear and nn.Sequential. Both activations are classes: make a new instance for each place.
"""),
    Blank((Body(MLP_POLICY, "MLPPolicy.get_action"),), "1.1", 2, "get_action in cs285/policies/base_policy.py", """
Return the most likely action for each observation. Observations and actions are numpy arrays.
Shapes: (N, *ob_shape) gives (N, ac_dim), or (N,) if discrete. One observation gives one action, without the axis N.
self.ob_shape distinguishes one observation from a batch. Calling the policy gives its distribution over actions.
from_numpy and to_numpy in pytorch_utils.py convert arrays. The policy's tensors are on self.ob_mean.device.
"""),
    Blank((Body(MLP_POLICY, "MLPPolicy.forward"),), "1.1", 2, "torch.distributions in PyTorch's documentation", """
Turn the network's outputs into a distribution over actions for each observation of the batch.
Discrete: the outputs are logits, not probabilities. Continuous: the outputs are means; self.logstd is the logarithm
  of the standard deviation, which is the same for all observations.
log_prob of (N, ac_dim) actions has shape (N,): one number for each action, not for each component of an action.
self.outputs standardises observations and calls the network. Look at torch.distributions.
"""),
    Blank(
        (Body(MLP_POLICY, "MLPPolicySL.update"), Body(MLP_POLICY, "MLPPolicySL.compute_loss")),
        "1.1", 4, "'Optimizing Model Parameters' in PyTorch's tutorials", """
update: take one gradient step that lowers compute_loss on this batch, and return the loss before the step.
compute_loss: return the mean loss over the batch, in three cases: discrete actions, self.loss "nll", and self.loss
  "mse", the squared error of the mean action (not of a sampled action).
Shapes: actions are (N, ac_dim), or (N,) integers if discrete. compute_loss returns a scalar tensor with its graph;
  the loss that update returns must not keep the graph in memory.
self.optimizer and self.scheduler are made in __init__ and used for the whole run. If there is a scheduler, it advances
  after every step. self.outputs gives means or logits; torch.nn.functional has losses.
"""),
    Blank((Body(REPLAY_BUFFER, "ReplayBuffer.sample_random_data"),), "1.1", 2, "Batch in cs285/data/trajectory.py", """
Draw batch_size of the stored transitions at random, each with the same probability.
The five fields of a row must belong to one transition. A buffer that is not full has fewer than max_size transitions.
self.rng draws random numbers, len(self) is the number of stored transitions, and sample_recent_data shows how to
  make a Batch from indices.
"""),
    Blank(
        (Body(UTILS, "sample_trajectory"),),
        "1.1", 4, "Trajectory in cs285/data/trajectory.py, and 'Basic Usage' in Gymnasium's documentation", """
Let the policy act in the environment until the episode ends, and return the episode as a Trajectory.
T steps have T actions, T rewards and T + 1 states: row t of next_observations follows row t of observations.
terminated: the task ended the episode. truncated: a time limit ended it, that of the environment or
  spec.max_episode_steps. truncated is False if the task ended the episode in the same step.
policy.reset and env.reset both get the episode's seed, within episode_generators(seed).
Copy each observation, in spec.ob_dtype: some environments reuse one array for all observations.
as_actions gives an action its dtype, Trajectory.from_states takes the T + 1 states, and check_finite refuses NaN.
If on_frame is given, call it with env.render() before each step whose number is a multiple of spec.frame_stride,
  step 0 included.
"""),
    Blank((Body(UTILS, "sample_trajectories"),), "1.1", 2, "LocalRollouts in cs285/infrastructure/utils.py", """
Collect whole episodes until they have at least min_timesteps steps (not episodes) in all, and no episode more.
Return a list of Trajectory in the order of the seeds, and the number of steps in the list.
rollouts.episodes is a generator of episodes; len(path) is the number of steps. If rollouts.episodes gets
  min_timesteps, workers start no more episodes than are needed. The progress bar is optional.
Close the generator when you have enough episodes, because workers roll out ahead.
"""),
    Blank((Body(UTILS, "sample_n_trajectories"),), "1.1", 1, "itertools in Python's documentation", """
Collect exactly ntraj episodes.
Return a list of Trajectory in the order of the seeds.
rollouts.episodes gives one episode for each seed that it reads. The iterator of seeds may have no end.
"""),
    Blank(
        (Body(RL_TRAINER, "RL_Trainer.collect_training_trajectories"),),
        "2", 4, "run_training_loop in cs285/infrastructure/rl_trainer.py", """
Return the episodes that this iteration adds. In iteration 0 (which question 1.1 needs) these are the expert's recorded
  episodes, which are loaded already. In later iterations they are rollouts of the current policy.
Later iterations collect at least self.config.batch_size steps. self.total_envsteps counts the steps of all rollouts.
self.collection_policy is the policy that acted: self.expert_policy, later the copy from self.frozen_actor().
sample_trajectories takes self.rollouts and episode_seeds(self.config.seed, Stream.TRAINING_ROLLOUTS, itr).
"""),
    Blank((Body(RL_TRAINER, "RL_Trainer.train_agent"),), "1.1", 2, "BaseAgent in cs285/agents/base_agent.py", """
Take this iteration's gradient steps, each on a new batch.
self.config has num_agent_train_steps_per_iter and train_batch_size. Every step returns scalars by name.
self.agent has sample and train. last_training_log makes the result from all steps' scalars and the agent's actor.
"""),
    Blank(
        (Body(RL_TRAINER, "RL_Trainer.do_relabel_with_expert"), Body(UTILS, "relabel_with_expert")),
        "2", 4, "Ross, Gordon and Bagnell 2011, algorithm 3.1 (DAgger)", """
Keep the states that the policy visited, and replace its actions by those that the expert would have taken there.
Return new trajectories of the same lengths. A Trajectory is frozen, and the given ones must not change.
relabel_with_expert works on any list of trajectories; do_relabel_with_expert calls it with the trainer's expert.
expert_actions returns the expert's actions for a whole episode; dataclasses.replace makes a copy with changes.
"""),
)  # fmt: skip
BY_NAME = {blank.name: blank for blank in BLANKS}
