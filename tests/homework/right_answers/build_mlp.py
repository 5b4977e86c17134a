# fmt: off
#: Right answers to the blank build_mlp; tests/homework/answers.py explains the format of this file.
# ok | a comprehension over the widths makes the layers
def build_mlp(input_size, output_size, n_layers, size, activation=nn.Tanh, output_activation=nn.Identity):
    widths = [input_size] + [size] * n_layers
    hidden = [module for a, b in zip(widths, widths[1:]) for module in (nn.Linear(a, b), activation())]
    return nn.Sequential(*hidden, nn.Linear(widths[-1], output_size), output_activation())
# ok | a module class has the layers in an nn.ModuleList
def build_mlp(input_size, output_size, n_layers, size, activation=nn.Tanh, output_activation=nn.Identity):
    class MLP(nn.Module):
        def __init__(self):
            super().__init__()
            self.affine = nn.ModuleList([nn.Linear(size if n else input_size, size) for n in range(n_layers)])
            self.activations = nn.ModuleList([activation() for _ in range(n_layers)])
            self.last, self.end = nn.Linear(size if n_layers else input_size, output_size), output_activation()
        def forward(self, x):
            for affine, activation in zip(self.affine, self.activations):
                x = activation(affine(x))
            return self.end(self.last(x))
    return MLP()
