# fmt: off
#: Right answers to the blank do_relabel_with_expert; tests/homework/answers.py explains the format of this file.
# ok | the method does everything itself
def do_relabel_with_expert(self, paths):
    new = []
    for path in paths:
        actions = self.expert_policy.get_action(path.observations).astype("float32")
        fields = {**vars(path), "actions": actions}
        new.append(type(path)(**fields))
    return new
# ok | map calls a function for each trajectory
def relabel_with_expert(paths, expert, spec):
    return list(map(lambda path: replace(path, actions=expert_actions(expert, path.observations, spec)), paths))
# calls the expert 15 times | the expert is called in every step
#~ expert_actions(expert, path.observations, spec) ==> np.float32([expert.get_action(ob) for ob in path.observations])
