# fmt: off
# activation shared: one object in every place, as the course's starter code had it
def build_mlp(input_size, output_size, n_layers, size, activation=nn.Tanh, output_activation=nn.Identity):
    layers, width, act = [], input_size, activation()
    for _ in range(n_layers):
        layers += [nn.Linear(width, size), act]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, output_size), output_activation())
# activation missing: affine layers only
def build_mlp(input_size, output_size, n_layers, size, activation=nn.Tanh, output_activation=nn.Identity):
    widths = [input_size] + [size] * n_layers + [output_size]
    return nn.Sequential(*[nn.Linear(a, b) for a, b in zip(widths, widths[1:])], output_activation())
# activation missing: none after the first layer
def build_mlp(input_size, output_size, n_layers, size, activation=nn.Tanh, output_activation=nn.Identity):
    if n_layers == 0:
        return nn.Sequential(nn.Linear(input_size, output_size), output_activation())
    layers = [nn.Linear(input_size, size)]
    for _ in range(n_layers - 1):
        layers += [nn.Linear(size, size), activation()]
    return nn.Sequential(*layers, nn.Linear(size, output_size), output_activation())
# activation ignored: always ReLU
def build_mlp(input_size, output_size, n_layers, size, activation=nn.Tanh, output_activation=nn.Identity):
    layers = []
    for n in range(n_layers):
        layers += [nn.Linear(size if n else input_size, size), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(size if n_layers else input_size, output_size), output_activation())
# number of layers: n_layers taken for all layers
def build_mlp(input_size, output_size, n_layers, size, activation=nn.Tanh, output_activation=nn.Identity):
    layers = [nn.Linear(input_size, size), activation()]
    for _ in range(n_layers - 2):
        layers += [nn.Linear(size, size), activation()]
    return nn.Sequential(*layers, nn.Linear(size, output_size), output_activation())
# number of layers: the input layer not counted
def build_mlp(input_size, output_size, n_layers, size, activation=nn.Tanh, output_activation=nn.Identity):
    layers = [nn.Linear(input_size, size), activation()]
    for _ in range(n_layers):
        layers += [nn.Linear(size, size), activation()]
    return nn.Sequential(*layers, nn.Linear(size, output_size), output_activation())
# number of layers: n_layers=0 still has a hidden layer
def build_mlp(input_size, output_size, n_layers, size, activation=nn.Tanh, output_activation=nn.Identity):
    layers = [nn.Linear(input_size, size), activation()]
    for _ in range(n_layers - 1):
        layers += [nn.Linear(size, size), activation()]
    return nn.Sequential(*layers, nn.Linear(size, output_size), output_activation())
# sizes: every hidden layer reads the input
def build_mlp(input_size, output_size, n_layers, size, activation=nn.Tanh, output_activation=nn.Identity):
    layers = []
    for _ in range(n_layers):
        layers += [nn.Linear(input_size, size), activation()]
    return nn.Sequential(*layers, nn.Linear(size if n_layers else input_size, output_size), output_activation())
# activation after output: the output layer in the loop
def build_mlp(input_size, output_size, n_layers, size, activation=nn.Tanh, output_activation=nn.Identity):
    widths, layers = [input_size] + [size] * n_layers + [output_size], []
    for a, b in zip(widths, widths[1:]):
        layers += [nn.Linear(a, b), activation()]
    return nn.Sequential(*layers, output_activation())
# output activation missing: the argument forgotten
def build_mlp(input_size, output_size, n_layers, size, activation=nn.Tanh, output_activation=nn.Identity):
    layers, width = [], input_size
    for _ in range(n_layers):
        layers += [nn.Linear(width, size), activation()]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, output_size))
# output activation on: a softmax that nobody asked for
def build_mlp(input_size, output_size, n_layers, size, activation=nn.Tanh, output_activation=nn.Identity):
    layers, width = [], input_size
    for _ in range(n_layers):
        layers += [nn.Linear(width, size), activation()]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, output_size), nn.Softmax(-1), output_activation())
# parameters: layers in a plain list
def build_mlp(input_size, output_size, n_layers, size, activation=nn.Tanh, output_activation=nn.Identity):
    class MLP(nn.Module):
        def __init__(self):
            super().__init__()
            widths = [input_size] + [size] * n_layers
            self.layers = [m for a, b in zip(widths, widths[1:]) for m in (nn.Linear(a, b), activation())]
            self.layers += [nn.Linear(widths[-1], output_size), output_activation()]
        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x
    return MLP()
# type: the list of layers
def build_mlp(input_size, output_size, n_layers, size, activation=nn.Tanh, output_activation=nn.Identity):
    layers, width = [], input_size
    for _ in range(n_layers):
        layers += [nn.Linear(width, size), activation()]
        width = size
    return [*layers, nn.Linear(width, output_size), output_activation()]
# raises TypeError: classes in place of objects
def build_mlp(input_size, output_size, n_layers, size, activation=nn.Tanh, output_activation=nn.Identity):
    layers, width = [], input_size
    for _ in range(n_layers):
        layers += [nn.Linear(width, size), activation]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, output_size), output_activation)
# layer shared: one hidden layer used again and again
def build_mlp(input_size, output_size, n_layers, size, activation=nn.Tanh, output_activation=nn.Identity):
    if n_layers == 0:
        return nn.Sequential(nn.Linear(input_size, output_size), output_activation())
    hidden = nn.Linear(size, size)
    layers = [nn.Linear(input_size, size), activation()]
    for _ in range(n_layers - 1):
        layers += [hidden, activation()]
    return nn.Sequential(*layers, nn.Linear(size, output_size), output_activation())
