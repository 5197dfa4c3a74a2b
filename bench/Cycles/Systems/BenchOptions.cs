using System.Globalization;

namespace ChatCqrs.Bench.Systems;

/// <summary>The options of the command line.</summary>
internal sealed record BenchOptions
{
    public const string Usage = """
        usage: bench/run [saturation] [latency] [idle] [floors] [media] [fanout] [sweep] [sdk] [options]

          Without a part: all but the sweep and the SDK.

          --seconds N           measured span of each part (20)
          --warmup N            load before it, not measured (30)
          --pairs N             pairs of people who write and confirm (100)
          --in-flight N         messages that each pair has under way at saturation (4)
          --rate N              messages a second for the latency part (500)
          --sockets N,M         numbers of idle sockets (1000,10000)
          --members N           online members of the group in the fanout part (1000)
          --group-rate N        messages a second in that group (5)
          --due N               messages that are due at once in the sweep part (100000)
          --clients N           clients of the C# SDK in one process (1000)
          --text-bytes N        size of a message's text (100)
          --file-mib N          size of the file that goes up and down, in MiB (1024)
          --receipt KIND        what readers confirm: delivered or read (delivered)
          --event-store URI     the product uses this EventStoreDB as its log
          --postgres URI        this PostgreSQL instead of a throw-away one
          --server URL          a running server instead of one of our own (its rate limits must be off)
        """;

    private static readonly string[] FurtherParts = ["sweep", "sdk"];

    private static readonly string[] UsualParts = ["saturation", "latency", "idle", "floors", "media", "fanout"];

    public IReadOnlySet<string> Parts { get; init; } = UsualParts.ToHashSet();
    public TimeSpan Span { get; init; } = TimeSpan.FromSeconds(20);
    public TimeSpan WarmUp { get; init; } = TimeSpan.FromSeconds(30);
    public int Pairs { get; init; } = 100;
    public int InFlight { get; init; } = 4;
    public int Rate { get; init; } = 500;
    public int Members { get; init; } = 1_000;
    public int GroupRate { get; init; } = 5;
    public int Due { get; init; } = 100_000;
    public IReadOnlyList<int> Sockets { get; init; } = [1_000, 10_000];
    public int TextBytes { get; init; } = 100;
    public int Clients { get; init; } = 1_000;
    public int FileMegabytes { get; init; } = 1024;
    public bool Reads { get; init; }
    public string? EventStore { get; init; }
    public string? Postgres { get; init; }
    public Uri? Server { get; init; }

    public bool Has(params ReadOnlySpan<string> anyOf)
    {
        foreach (var part in anyOf)
        {
            if (Parts.Contains(part))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Reads the command line.</summary>
    /// <exception cref="ArgumentException">An argument is unknown, or a value is invalid.</exception>
    public static BenchOptions Parse(ReadOnlySpan<string> arguments)
    {
        var options = new BenchOptions();
        var parts = new HashSet<string>();
        for (var i = 0; i < arguments.Length; i++)
        {
            if (UsualParts.Contains(arguments[i]) || FurtherParts.Contains(arguments[i]))
            {
                parts.Add(arguments[i]);
            }
            else if (i + 1 < arguments.Length)
            {
                options = options.With(arguments[i], arguments[++i]);
            }
            else
            {
                throw new ArgumentException($"'{arguments[i]}' is not a part, or is an option without its value.");
            }
        }

        return parts.Count > 0 ? options with { Parts = parts } : options;
    }

    private BenchOptions With(string name, string value) => name switch
    {
        "--seconds" => this with { Span = TimeSpan.FromSeconds(Number(value)) },
        "--warmup" => this with { WarmUp = TimeSpan.FromSeconds(Number(value)) },
        "--pairs" => this with { Pairs = Number(value) },
        "--in-flight" => this with { InFlight = Number(value) },
        "--rate" => this with { Rate = Number(value) },
        "--members" => this with { Members = Number(value) },
        "--group-rate" => this with { GroupRate = Number(value) },
        "--due" => this with { Due = Number(value) },
        "--sockets" => this with { Sockets = value.Split(',').Select(Number).Order().ToArray() },
        "--clients" => this with { Clients = Number(value) },
        "--text-bytes" => this with { TextBytes = Number(value) },
        "--file-mib" => this with { FileMegabytes = Number(value) },
        "--receipt" when value is "delivered" or "read" => this with { Reads = value == "read" },
        "--event-store" => this with { EventStore = value },
        "--postgres" => this with { Postgres = value },
        "--server" => this with { Server = new Uri(value) },
        _ => throw new ArgumentException($"'{name} {value}' is not an option."),
    };

    private static int Number(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0
        ? number
        : throw new ArgumentException($"'{text}' is not a number above zero.");
}
