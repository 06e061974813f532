"""Module classes that set their initial values after the modules and parameters are made."""

from __future__ import annotations

INITIAL = {
    "parameters_set_afterwards": """
class GraphConvolution(nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = nn.Parameter(torch.FloatTensor(in_features, out_features))
        if bias:
            self.bias = nn.Parameter(torch.FloatTensor(out_features))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()
    def reset_parameters(self):
        stdv = 1. / math.sqrt(self.weight.size(1))
        self.weight.data.uniform_(-stdv, stdv)
        if self.bias is not None:
            self.bias.data.uniform_(-stdv, stdv)
    def forward(self, x, adj):
        support = torch.mm(x, self.weight)
        output = torch.spmm(adj, support)
        if self.bias is not None:
            return output + self.bias
        return output
class Attention(nn.Module):
    def __init__(self, size, heads=2):
        super().__init__()
        self.W = nn.Parameter(torch.empty(size=(size, heads)))
        nn.init.xavier_uniform_(self.W.data, gain=1.414)
        self.a = nn.Parameter(torch.zeros(heads, 1))
        nn.init.kaiming_normal_(self.a)
        self.v = nn.Parameter(torch.rand(size))
        self.v.data.normal_(mean=0, std=1. / math.sqrt(self.v.size(0)))
        self.fc = nn.Linear(size, size)
        nn.init.xavier_normal_(self.fc.weight, gain=nn.init.calculate_gain("tanh"))
        if self.fc.bias is not None:
            nn.init.zeros_(self.fc.bias)
    def forward(self, x):
        return (x @ self.W) @ self.a + torch.tanh(self.fc(x)) @ self.v.unsqueeze(1)
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.gc1 = GraphConvolution(4, 8)
        self.gc2 = GraphConvolution(8, 3, bias=False)
        self.attend = Attention(3)
    def forward(self, x):
        adj = torch.softmax(x @ x.t(), dim=1)
        x = F.relu(self.gc1(x, adj))
        return self.attend(self.gc2(x, adj))
""",
    "loops_over_parameters": """
class Part(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 4)
        self.norm = nn.LayerNorm(4)
        self.init_weights()
    def init_weights(self):
        for name, param in self.named_parameters():
            if "weight" in name:
                nn.init.normal_(param.data, mean=0, std=0.01)
            else:
                nn.init.constant_(param.data, 0)
    def forward(self, x):
        return self.norm(self.fc(x))
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3)
        self.bn = nn.BatchNorm2d(6)
        self.fc = nn.Linear(6, 6)
        self.out = nn.Linear(6, 2)
        self.part = Part()
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.xavier_uniform_(p)
    def forward(self, x):
        x = F.relu(self.bn(self.conv(x))).mean((2, 3))
        return self.part(self.fc(x)), self.out(x)
def init_weights(m):
    for name, param in m.named_parameters():
        nn.init.uniform_(param.data, -0.08, 0.08)
class Other(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(5, 3)
        self.fc = nn.Linear(3, 2)
    def forward(self, x):
        return self.fc(self.table(x))


model = Other()
model.apply(init_weights)
""",
}

# A constructor's statements, and what is said of the initial values (T2K204); "" for nothing.
SAID = {
    "self.w = nn.Parameter(torch.empty(2, 3, 4)); nn.init.kaiming_normal_(self.w)": "kaiming_normal_",
    "self.w = nn.Parameter(torch.empty(3, 4)); nn.init.kaiming_normal_(self.w)": "",
    "self.w = nn.Parameter(torch.empty(3, 4)); nn.init.uniform_(self.w, -self.w.std(), 1)": "uniform_",
    """self.rnn = nn.LSTM(3, 4)
        for p in self.parameters():
            nn.init.uniform_(p, -0.1, 0.1)""": "nn.LSTM keeps",
    """self.fc = nn.Linear(3, 4)
        for p in self.parameters():
            nn.init.uniform_(p, -0.1, 0.1)""": "",
    """self.fc = nn.Linear(3, 4)
        for p in self.parameters():
            nn.init.uniform_(p, -0.1, 0.1)
        self.out = nn.Linear(4, 4)""": "before all modules are made",
    """self.fc = nn.Linear(3, 4)
        for name, p in self.named_parameters():
            if "fc" in name:
                nn.init.uniform_(p, -0.1, 0.1)""": "a loop over parameters",
    """self.fc = nn.Linear(3, 4)
        if torch.rand(1) > 0.5:
            nn.init.zeros_(self.fc.weight)""": "if torch.rand(1) > 0.5",
    """self.fc = nn.Linear(3, 4)
        self.start()

    def start(self, std=0.1):
        nn.init.normal_(self.fc.weight, 0, std)""": "normal_",
    """self.fc = nn.Linear(3, 4)
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.uniform_(m.weight, 0, 1 / m.in_features)""": "in_features",
    """self.fc = nn.Linear(3, 4)
        if self.fc.bias is not None:
            nn.init.zeros_(self.fc.bias)""": "",
}

# Definitions behind a class `Model(start=None, given=True)`, and what is said of the initial values; "" for nothing.
SAID_OF_OBJECTS = {
    "a = Model(); b = Model(); a.apply(ones)": "not all of its models are set alike, see b",
    "a = Model(); b = Model(); a.apply(ones); b.apply(ones)": "",
    "a = Model(); b = Model(); a.apply(ones); b.apply(zeros)": "not all of its models are set alike",
    "a = Model(); a.apply(ones)": "",
}
