# fmt: off
#: Wrong answers to the blank do_relabel_with_expert; tests/homework/answers.py explains the format of this file.
# base
def relabel_with_expert(paths, expert, spec):
    new = []
    for path in paths:
        actions = expert_actions(expert, path.observations, spec)
        new.append(replace(path, actions=actions))
    return new
# a given trajectory was changed | the actions are written into the given array
#~ new.append(replace(path, actions=actions)) ==> path.actions[:] = actions; new.append(path)
# raises FrozenInstanceError | an attribute of the trajectory is assigned
#~ new.append(replace(path, actions=actions)) ==> path.actions = actions; new.append(path)
# the expert's action for the first state | all actions are that of the first state
#~ path.observations, spec) ==> path.observations[:1], spec).repeat(len(path), axis=0)
# the actions of the given trajectory are kept | the expert's actions are not used
#~ new.append(replace(path, actions=actions)) ==> new.append(replace(path))
# the expert gets next_observations | the expert gets the states after the steps
#~ expert_actions(expert, path.observations, spec) ==> expert_actions(expert, path.next_observations, spec)
# not [51.053, -1.053], the expert's actions | the actions are a mixture of the expert's and the policy's
#~ path.observations, spec) ==> path.observations, spec) * 0.5 + path.actions * 0.5
# 1 trajectories, not 3 | only the last episode is returned
#~ return new ==> return new[-1:]
# nothing (None) | nothing is returned
#~ return new ==> pass
# there are {'ndarray'} | arrays of actions are returned
#~ new.append(replace(path, actions=actions)) ==> new.append(actions)
# the field terminated has changed | every new trajectory is marked as truncated
#~ replace(path, actions=actions ==> Trajectory.from_states(path.states, actions, path.rewards, False, True
# the field rewards has changed | the new rewards are zero
#~ =actions)) ==> =actions, rewards=np.zeros_like(path.rewards)))
# the field observations has changed | the new observations are the next observations
#~ =actions)) ==> =actions, observations=path.next_observations))
# raises ValueError | the expert's float64 actions are not converted
#~ expert_actions(expert, path.observations, spec) ==> expert.get_action(path.observations)
# the field observations has changed | the trajectories are returned in another order
#~ for path in paths: ==> for path in sorted(paths, key=len):
# the learning policy chooses the actions | the policy that learns chooses the actions, not the expert
def do_relabel_with_expert(self, paths):
    return relabel_with_expert(paths, self.agent.actor, self.rollouts.spec)
