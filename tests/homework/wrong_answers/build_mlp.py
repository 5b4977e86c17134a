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
# one activation object | all layers share one activation object, as in the course's starter code
#~ layers, width = [], input_size ==> layers, width, act = [], input_size, activation()
#~ size), activation()] ==> size), act]
# ['Linear', 'Linear', 'Linear', 'Softsign'], not | the hidden layers have no activation
#~ size), activation()] ==> size)]
# 'ReLU', 'Linear', 'Softsign'], not | the activation is always ReLU
#~ size), activation()] ==> size), nn.ReLU()]
# [(3, 5), (5, 2)], not | n_layers is taken for the number of all affine layers
#~ range(n_layers) ==> range(n_layers - 1)
# [(3, 5), (3, 5), (5, 2)], not | every hidden layer expects the input's size
#~ nn.Linear(width, size) ==> nn.Linear(input_size, size)
# 'Softplus', 'Softsign'], not | the output has the hidden layers' activation, too
#~ output_size), output_activation()] ==> output_size), activation(), output_activation()]
# all weights are equal | all weights are zero
#~ return nn ==> [nn.init.zeros_(layer.weight) for layer in layers if isinstance(layer, nn.Linear)]; return nn
# has no bias | the output layer has no bias
#~ output_size), o ==> output_size, bias=False), o
# layers in a plain list | the layers are in a plain list
#- return nn.Sequential(*layers)
#+ class MLP(nn.Module):
#+     def forward(self, x):
#+         for layer in layers:
#+             x = layer(x)
#+         return x
#+ return MLP()
# a list, not an nn.Module | the list of layers is returned
#~ return nn.Sequential(*layers) ==> return layers
# raises TypeError | the list of layers has activation classes, not objects
#~ size), activation()] ==> size), activation]
# [(3, 5), (5, 5), (5, 2)], not | the hidden layers share one affine layer
#~ layers, width = [], input_size ==> layers, width, hidden = [], input_size, nn.Linear(size, size)
#~ nn.Linear(width, size) ==> hidden if n else nn.Linear(width, size)
