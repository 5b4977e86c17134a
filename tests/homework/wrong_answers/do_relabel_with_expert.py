# fmt: off
#: Wrong answers to the blank do_relabel_with_expert; tests/homework/answers.py explains the format of this file.
# base
def relabel_with_expert(paths, expert, spec):
    new = []
    for path in paths:
        actions = expert_actions(expert, path.observations, spec)
        new.append(replace(path, actions=actions))
    return new
# in place: the given array is written to
#~ new.append(replace(path, actions=actions)) ==> path.actions[:] = actions; new.append(path)
# raises FrozenInstanceError: an attribute assigned
#~ new.append(replace(path, actions=actions)) ==> path.actions = actions; new.append(path)
# one action: of the first state
#~ path.observations, spec) ==> path.observations[:1], spec).repeat(len(path), axis=0)
# actions kept: the expert is asked for nothing
#~ new.append(replace(path, actions=actions)) ==> new.append(replace(path))
# next observations: the states after the step
#~ expert_actions(expert, path.observations, spec) ==> expert_actions(expert, path.next_observations, spec)
# actions: a mixture of both
#~ path.observations, spec) ==> path.observations, spec) * 0.5 + path.actions * 0.5
# number of episodes: the last one only
#~ return new ==> return new[-1:]
# type: nothing returned
#~ return new ==> pass
# type: arrays of actions
#~ new.append(replace(path, actions=actions)) ==> new.append(actions)
# terminated changed: rebuilt from its states with a flag
#~ replace(path, actions=actions ==> Trajectory.from_states(path.states, actions, path.rewards, False, True
# rewards changed: left at zero
#~ =actions)) ==> =actions, rewards=np.zeros_like(path.rewards)))
# observations changed: sorted away
#~ =actions)) ==> =actions, observations=path.next_observations))
# raises ValueError: the expert's answer in float64
#~ expert_actions(expert, path.observations, spec) ==> expert.get_action(path.observations)
# length: the trajectories in another order
#~ for path in paths: ==> for path in sorted(paths, key=len):
# learner's actions: the policy that learns in place of the expert
def do_relabel_with_expert(self, paths):
    return relabel_with_expert(paths, self.agent.actor, self.rollouts.spec)
