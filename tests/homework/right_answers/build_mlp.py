# fmt: off
# ok: a comprehension over widths
def build_mlp(input_size, output_size, n_layers, size, activation=nn.Tanh, output_activation=nn.Identity):
    widths = [input_size] + [size] * n_layers
    hidden = [module for a, b in zip(widths, widths[1:]) for module in (nn.Linear(a, b), activation())]
    return nn.Sequential(*hidden, nn.Linear(widths[-1], output_size), output_activation())
# ok: the first layer by itself
def build_mlp(input_size, output_size, n_layers, size, activation=nn.Tanh, output_activation=nn.Identity):
    if n_layers == 0:
        return nn.Sequential(nn.Linear(input_size, output_size), output_activation())
    net = nn.Sequential(nn.Linear(input_size, size), activation())
    for n in range(1, n_layers):
        net.add_module(f"hidden_{n}", nn.Linear(size, size))
        net.add_module(f"activation_{n}", activation())
    return net.append(nn.Linear(size, output_size)).append(output_activation())
# ok: a module of its own with nn.ModuleList
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
