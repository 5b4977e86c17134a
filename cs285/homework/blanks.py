"""The blanks of the homework: the functions that students write, with hints and points."""

from dataclasses import dataclass
from typing import NamedTuple

NotWritten = NotImplementedError  # what the body of a blank raises in the student edition, with `Blank.not_written`

PYTORCH_UTILS, MLP_POLICY = "cs285/infrastructure/pytorch_utils.py", "cs285/policies/MLP_policy.py"
REPLAY_BUFFER, UTILS = "cs285/infrastructure/replay_buffer.py", "cs285/infrastructure/utils.py"
RL_TRAINER = "cs285/infrastructure/rl_trainer.py"


class Body(NamedTuple):
    """A function whose body students write."""

    file: str  # below the project's folder
    function: str  # "function" or "Class.method"

    @property
    def module(self) -> str:
        """The dotted name of the module that has the function."""
        return self.file.removesuffix(".py").replace("/", ".")


@dataclass(frozen=True)
class Blank:
    """A part of the homework that is written, checked and graded by itself."""

    bodies: tuple[Body, ...]  # functions to write; code outside of the blank calls the first one
    question: str  # number of the assignment's question
    points: int  # for a right answer
    read_on: str  # reading that explains the terms of the hints
    text: str  # the hints, one a line

    @property
    def name(self) -> str:
        """Name of the blank in commands and messages: that of its first function."""
        return self.bodies[0].function.rpartition(".")[2]

    @property
    def file(self) -> str:
        """The file of its first function."""
        return self.bodies[0].file

    @property
    def hints(self) -> list[str]:
        """Lines of the hints: first what the function must do, then shapes, then the helpers that it needs."""
        return self.text.strip().splitlines()

    @property
    def not_written(self) -> str:
        """The message of a body that is still empty."""
        return f"{self.name} is not written yet (question {self.question}, {self.file})"


BLANKS = (
    Blank((Body(PYTORCH_UTILS, "build_mlp"),), "1.1", 3, "nn.Sequential and nn.Linear in PyTorch's documentation", """
Chain affine layers and activations: n_layers hidden layers of width size, then the output layer.
Sizes: the first layer reads input_size numbers and the last one gives output_size; n_layers=0 is one affine layer.
Look at nn.Linear and nn.Sequential. Both activations are classes: each place needs an instance of its own.
"""),
    Blank((Body(MLP_POLICY, "MLPPolicy.get_action"),), "1.1", 2, "get_action in cs285/policies/base_policy.py", """
Answer numpy observations with numpy actions, as rollouts need them: the most likely action of each.
Shapes: (N, *ob_shape) gives (N, ac_dim), or (N,) when discrete; a single observation gives one action, without N.
self.ob_shape distinguishes one observation from a batch. Calling the policy gives its distribution over actions.
from_numpy and to_numpy in pytorch_utils.py convert; the policy's tensors are on self.ob_mean.device.
"""),
    Blank((Body(MLP_POLICY, "MLPPolicy.forward"),), "1.1", 2, "torch.distributions in PyTorch's documentation", """
Turn the network's outputs into a distribution over actions for each observation of the batch.
Discrete: the outputs are logits, not probabilities. Continuous: they are means, all with one learned deviation.
log_prob of (N, ac_dim) actions is one number a row, (N,): the numbers of one action belong together.
self.outputs standardises and calls the network; self.logstd holds logarithms. Look at torch.distributions.
"""),
    Blank(
        (Body(MLP_POLICY, "MLPPolicySL.update"), Body(MLP_POLICY, "MLPPolicySL.compute_loss")),
        "1.1", 4, "'Optimizing Model Parameters' in PyTorch's tutorials", """
update: take one gradient step that lowers compute_loss on this batch, and return the loss before the step.
compute_loss: a mean over the batch, for three cases: discrete actions, self.loss "nll", and "mse", the squared error
  of the mean action (not of a sample).
Shapes: actions are (N, ac_dim), or (N,) choices when discrete. The loss is a scalar on the graph; what update returns
  keeps no graph alive.
self.optimizer and self.scheduler are made in __init__ and last for the whole run; where there is a schedule, it
  advances with every step. self.outputs gives means or logits; torch.nn.functional has losses.
"""),
    Blank(
        (Body(REPLAY_BUFFER, "ReplayBuffer.sample_random_data"),),
        "1.1", 2, "Batch in cs285/data/trajectory.py", """
Draw batch_size of the stored transitions at random, each one equally likely.
The five fields of a row belong to one transition. A buffer that is not full holds fewer than max_size.
self.rng draws, len(self) counts what is stored, and sample_recent_data shows how slots become a Batch.
"""),
    Blank(
        (Body(UTILS, "sample_trajectory"),),
        "1.1", 4, "Trajectory in cs285/data/trajectory.py, and 'Basic Usage' in Gymnasium's documentation", """
Let the policy act in the environment until the episode ends, and return what happened as a Trajectory.
T steps have T actions and rewards, and T + 1 states: row t of next_observations follows row t of observations.
terminated is the task's own end; truncated is a time limit, of the environment or spec.max_episode_steps, and is
  False where the task ended the episode in the same step.
policy.reset and env.reset both get the episode's seed, inside of episode_generators(seed).
Copy each observation in spec.ob_dtype: some environments write into the same array again and again.
as_actions gives an action its dtype, Trajectory.from_states splits states, check_finite refuses NaN.
With on_frame, give it env.render() before each step whose number is a multiple of spec.frame_stride, step 0 too.
"""),
    Blank((Body(UTILS, "sample_trajectories"),), "1.1", 2, "LocalRollouts in cs285/infrastructure/utils.py", """
Collect whole episodes until their steps (not their number) add up to min_timesteps, and no episode more.
Return a list of Trajectory in the order of the seeds, and the number of steps that it holds.
rollouts.episodes gives one episode after another; len of a trajectory is its steps. With min_timesteps, workers
  start no more episodes than are needed. The progress bar is optional.
Close that generator at the end: workers roll out ahead.
"""),
    Blank((Body(UTILS, "sample_n_trajectories"),), "1.1", 1, "itertools in Python's documentation", """
Collect exactly ntraj episodes.
Return a list of Trajectory in the order of the seeds.
rollouts.episodes gives one episode for each seed that it reads, and the seeds of a run need not end.
"""),
    Blank(
        (Body(RL_TRAINER, "RL_Trainer.collect_training_trajectories"),),
        "2", 4, "run_training_loop in cs285/infrastructure/rl_trainer.py", """
Give the episodes that this iteration adds: in iteration 0 (question 1.1 needs it already) those recorded from the
  expert, which are loaded; later ones rolled out with the policy as it is now.
Later iterations want self.config.batch_size steps at least. self.total_envsteps counts the steps of all rollouts.
self.collection_policy is who acted: the expert (self.expert_policy), then the copy from self.frozen_actor().
sample_trajectories takes self.rollouts and episode_seeds(self.config.seed, Stream.TRAINING_ROLLOUTS, itr).
"""),
    Blank((Body(RL_TRAINER, "RL_Trainer.train_agent"),), "1.1", 2, "BaseAgent in cs285/agents/base_agent.py", """
Take this iteration's gradient steps, each on a batch of its own.
self.config has num_agent_train_steps_per_iter and train_batch_size; every step gives scalars by name.
self.agent samples and trains; last_training_log makes the result of all the steps' scalars and the agent's actor.
"""),
    Blank(
        (Body(RL_TRAINER, "RL_Trainer.do_relabel_with_expert"), Body(UTILS, "relabel_with_expert")),
        "2", 4, "Ross, Gordon and Bagnell 2011, algorithm 3.1 (DAgger)", """
Keep the states that the policy visited, and replace its actions by what the expert would have done there.
Return new trajectories of the same lengths: a Trajectory is frozen, and the given ones stay as they are.
relabel_with_expert works on any list; do_relabel_with_expert calls it with the trainer's expert and task.
expert_actions asks an expert for a whole episode at once; dataclasses.replace copies with changes.
"""),
)  # fmt: skip
BY_NAME = {blank.name: blank for blank in BLANKS}
OF_FUNCTION = {body.function.rpartition(".")[2]: blank.name for blank in BLANKS for body in blank.bodies}
