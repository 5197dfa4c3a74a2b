using System.Diagnostics;
using System.Globalization;

namespace ChatCqrs.Demo;

/// <summary>Prints each step with its time, in colour on terminals.</summary>
public sealed class Narrator
{
    private const string Bold = "1", Dim = "2", Red = "1;31", Green = "32", Blue = "1;34";

    private static readonly bool Colours = !Console.IsOutputRedirected
        && Environment.GetEnvironmentVariable("NO_COLOR") is null or "";

    private readonly Lock _lock = new();
    private readonly long _started = Stopwatch.GetTimestamp();

    /// <summary>The number of promises seen kept.</summary>
    public int Seen { get; private set; }

    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_started);

    public void Title(string title) => Write("\n" + Paint(Bold, title));

    /// <summary>A user acts.</summary>
    public void Does(string who, string what) => Line(who, what);

    /// <summary>A user sends a message.</summary>
    public void Says(string who, string text, string how) => Line(who, $"→ {Quote(text)} {Paint(Dim, how)}");

    /// <summary>A message arrives.</summary>
    public void Gets(string who, string text, string how) => Saw(who, $"← {Quote(text)} {Paint(Dim, how)}");

    /// <summary>One tick: the message is durable.</summary>
    public void Sent(string who, string detail) => Saw(who, $"{Paint(Dim, "✓ ")} sent {Paint(Dim, detail)}");

    /// <summary>Two ticks: delivered to everybody.</summary>
    public void Delivered(string who, string detail) => Saw(who, $"{Paint(Dim, "✓✓")} delivered {Paint(Dim, detail)}");

    /// <summary>Two blue ticks: read.</summary>
    public void Read(string who, string detail) => Saw(who, $"{Paint(Blue, "✓✓")} read {Paint(Dim, detail)}");

    /// <summary>A promise of the product was seen kept.</summary>
    public void Saw(string who, string what)
    {
        lock (_lock)
            Seen++;
        Line(who, what);
    }

    public void Failure(string what) => Write("\n" + Paint(Red, "Not seen: ") + what);

    public void End(string what) => Write("\n" + Paint(Green, what));

    private void Line(string who, string what) =>
        Write($"{Paint(Dim, DateTime.Now.ToString("HH:mm:ss.fff", CultureInfo.InvariantCulture))}  {who,-6} {what}");

    private static string Quote(string text) => $"“{text}”";

    private static string Paint(string colour, string text) => Colours ? $"\e[{colour}m{text}\e[0m" : text;

    private void Write(string text)
    {
        lock (_lock)
            Console.WriteLine(text);
    }
}
