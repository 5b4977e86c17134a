# fmt: off
#: Wrong answers to the blank build_mlp; tests/homework/answers.py explains the format of this file.
# base
def build_mlp(input_size, output_size, n_layers, size, activation=nn.Tanh, output_activation=nn.Identity):
    layers, width = [], input_size
    for n in range(n_layers):
        layers += [nn.Linear(width, size), activation()]
        width = size
    layers += [nn.Linear(width, output_size), output_activation()]
    return nn.Sequential(*layers)
# activation shared: all layers share one activation object, as in the course's starter code
#~ layers, width = [], input_size ==> layers, width, act = [], input_size, activation()
#~ size), activation()] ==> size), act]
# activation missing: the hidden layers have no activation
#~ size), activation()] ==> size)]
# activation ignored: the activation is always ReLU
#~ size), activation()] ==> size), nn.ReLU()]
# number of layers: n_layers is taken for the number of all affine layers
#~ range(n_layers) ==> range(n_layers - 1)
# sizes: every hidden layer expects the input's size
#~ nn.Linear(width, size) ==> nn.Linear(input_size, size)
# layers: the output has the hidden layers' activation, too
#~ output_size), output_activation()] ==> output_size), activation(), output_activation()]
# weights: all weights are zero
#~ return nn ==> [nn.init.zeros_(layer.weight) for layer in layers if isinstance(layer, nn.Linear)]; return nn
# bias: the output layer has no bias
#~ output_size), o ==> output_size, bias=False), o
# parameters: the layers are in a plain list
#- return nn.Sequential(*layers)
#+ class MLP(nn.Module):
#+     def forward(self, x):
#+         for layer in layers:
#+             x = layer(x)
#+         return x
#+ return MLP()
# type: the list of layers is returned
#~ return nn.Sequential(*layers) ==> return layers
# raises TypeError: the list of layers has activation classes, not objects
#~ size), activation()] ==> size), activation]
# layer shared: the hidden layers share one affine layer
#~ layers, width = [], input_size ==> layers, width, hidden = [], input_size, nn.Linear(size, size)
#~ nn.Linear(width, size) ==> hidden if n else nn.Linear(width, size)
