# fmt: off
# ok: everything in one method
def do_relabel_with_expert(self, paths):
    new = []
    for path in paths:
        actions = self.expert_policy.get_action(path.observations).astype("float32")
        fields = {**vars(path), "actions": actions}
        new.append(type(path)(**fields))
    return new
# ok: map over the trajectories
def relabel_with_expert(paths, expert, spec):
    return list(map(lambda path: replace(path, actions=expert_actions(expert, path.observations, spec)), paths))
# slow: the expert asked in every step
def relabel_with_expert(paths, expert, spec):
    new = []
    for path in paths:
        actions = [expert.get_action(observation) for observation in path.observations]
        new.append(replace(path, actions=np.array(actions, np.float32)))
    return new
