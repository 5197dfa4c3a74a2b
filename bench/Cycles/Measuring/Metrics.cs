using System.Globalization;

namespace ChatCqrs.Bench.Measuring;

/// <summary>One scrape of a server's <c>/metrics</c>, in the Prometheus text format.</summary>
internal sealed class Metrics
{
    private readonly List<(string Name, string Labels, double Value)> _samples = [];

    private Metrics()
    {
    }

    public static async Task<Metrics> ScrapeAsync(Uri server)
    {
        using var http = new HttpClient { BaseAddress = server };
        return Parse(await http.GetStringAsync("/metrics"));
    }

    public static Metrics Parse(string text)
    {
        var metrics = new Metrics();
        foreach (var line in text.Split('\n').Where(l => l.Length > 0 && l[0] != '#'))
        {
            var brace = line.IndexOf('{', StringComparison.Ordinal);
            var close = line.LastIndexOf('}');
            var nameEnd = brace >= 0 ? brace : line.IndexOf(' ', StringComparison.Ordinal);
            var value = line[(brace >= 0 ? close + 1 : nameEnd)..].TrimStart().Split(' ')[0];
            var labels = brace >= 0 ? line[(brace + 1)..close] : "";
            metrics._samples.Add((line[..nameEnd], labels, double.Parse(value, CultureInfo.InvariantCulture)));
        }

        return metrics;
    }

    /// <summary>The sum of all series of a name; null if there is none.</summary>
    public double? Sum(string name) =>
        _samples.Where(s => s.Name == name).Select(s => s.Value).ToArray() is { Length: > 0 } values
            ? values.Sum()
            : null;

    /// <summary>
    /// A quantile of the values that a histogram recorded since an earlier scrape, interpolated within a bucket as
    /// Prometheus does; null if there is no such histogram or it recorded nothing.
    /// </summary>
    public double? Quantile(string name, double share, Metrics since)
    {
        var before = since.Buckets(name).ToDictionary();
        var buckets = Buckets(name).Select(b => (b.Key, Count: b.Value - before.GetValueOrDefault(b.Key))).ToArray();
        if (buckets.Length == 0 || buckets[^1].Count <= 0)
        {
            return null;
        }

        var rank = share * buckets[^1].Count;
        var (low, below) = (0.0, 0.0);
        foreach (var (bound, count) in buckets)
        {
            if (count >= rank)
            {
                return double.IsPositiveInfinity(bound)
                    ? low
                    : low + (bound - low) * (rank - below) / Math.Max(1, count - below);
            }

            (low, below) = (bound, count);
        }

        return low;
    }

    /// <summary>Cumulative counts by upper bound, summed over all label sets.</summary>
    private SortedDictionary<double, double> Buckets(string name)
    {
        var buckets = new SortedDictionary<double, double>();
        foreach (var (_, labels, value) in _samples.Where(s => s.Name == name + "_bucket"))
        {
            var text = labels[(labels.IndexOf("le=\"", StringComparison.Ordinal) + 4)..].Split('"')[0];
            var bound = text == "+Inf" ? double.PositiveInfinity : double.Parse(text, CultureInfo.InvariantCulture);
            buckets[bound] = buckets.GetValueOrDefault(bound) + value;
        }

        return buckets;
    }
}
