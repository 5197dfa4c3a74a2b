namespace ChatCqrs.Chatctl;

/// <summary>The arguments of a command: words, and options of one value each.</summary>
internal sealed class Arguments
{
    private readonly Dictionary<string, string> _options = [];

    /// <exception cref="UsageException">An option is unknown, given twice or without a value.</exception>
    public Arguments(IEnumerable<string> arguments, params string[] options)
    {
        var words = new List<string>();
        using var rest = arguments.GetEnumerator();
        while (rest.MoveNext())
        {
            if (!rest.Current.StartsWith("--", StringComparison.Ordinal))
            {
                words.Add(rest.Current);
                continue;
            }

            var name = rest.Current[2..];
            if (!options.Contains(name))
                throw new UsageException($"There is no option --{name} here.");
            if (!rest.MoveNext())
                throw new UsageException($"--{name} needs a value.");
            if (!_options.TryAdd(name, rest.Current))
                throw new UsageException($"--{name} stands twice.");
        }

        Words = words;
    }

    public IReadOnlyList<string> Words { get; }

    public string? this[string option] => _options.GetValueOrDefault(option);

    /// <summary>The only word, an id.</summary>
    public Guid Id() => Words is [var word] && Guid.TryParse(word, out var id)
        ? id
        : throw new UsageException("Name one conversation by its id.");

    /// <summary>The options as a query string, with the API's names.</summary>
    public string Query(params (string Option, string Name)[] names)
    {
        var given = names.Where(name => this[name.Option] is not null)
            .Select(name => $"{name.Name}={Uri.EscapeDataString(this[name.Option]!)}").ToList();
        return given.Count == 0 ? "" : "?" + string.Join('&', given);
    }
}

/// <summary>The command line is wrong.</summary>
internal sealed class UsageException(string message) : Exception(message);
