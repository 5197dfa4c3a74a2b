namespace ChatCqrs.Architecture.Tests;

/// <summary>Which namespaces depend on which, with one example for each dependency.</summary>
internal sealed class NamespaceGraph
{
    private readonly SortedDictionary<(string From, string To), string> _edges = [];

    public IReadOnlyDictionary<(string From, string To), string> Edges => _edges;

    public void Add(string from, string to, string example)
    {
        if (from != to)
            _edges.TryAdd((from, to), example);
    }

    /// <summary>Adds what the types of one assembly refer to in the same assembly.</summary>
    public void AddTypes(IEnumerable<Type> types)
    {
        foreach (var type in types.Where(type => type.Namespace is not null))
        {
            var references = TypeReferences.Of(type);
            foreach (var used in references.Where(used => used.Assembly == type.Assembly && used.Namespace is not null))
                Add(type.Namespace!, used.Namespace!, $"{type.Name} uses {used.Name}");
        }
    }

    /// <summary>The groups of namespaces that all reach one another, each with the dependencies inside it.</summary>
    public IReadOnlyList<string> Cycles()
    {
        var reached = _edges.Keys.Select(edge => edge.From).Distinct().ToDictionary(name => name, Reached);
        bool Reaches(string one, string other) => reached.TryGetValue(one, out var names) && names.Contains(other);
        var groups = reached.Keys.Where(name => Reaches(name, name))
            .GroupBy(name => reached.Keys.Where(other => Reaches(name, other) && Reaches(other, name)).Min());
        return [.. groups.Select(group => Describe([.. group]))];
    }

    private string Describe(HashSet<string> namespaces) => string.Join("; ", _edges
        .Where(edge => namespaces.Contains(edge.Key.From) && namespaces.Contains(edge.Key.To))
        .Select(edge => $"{edge.Key.From} -> {edge.Key.To} ({edge.Value})"));

    private HashSet<string> Reached(string from)
    {
        var (reached, open) = (new HashSet<string>(), new Queue<string>([from]));
        while (open.TryDequeue(out var name))
        {
            foreach (var (edge, _) in _edges.Where(edge => edge.Key.From == name && reached.Add(edge.Key.To)))
                open.Enqueue(edge.To);
        }

        return reached;
    }
}
