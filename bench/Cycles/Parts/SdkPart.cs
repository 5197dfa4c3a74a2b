using System.Diagnostics;
using System.Globalization;
using ChatCqrs.Bench.Systems;

namespace ChatCqrs.Bench.Parts;

/// <summary>What clients of the C# SDK cost.</summary>
/// <param name="BytesEach">Private memory a live client, after collections.</param>
/// <param name="IdleCpu">The share of one core that all of them use while nothing happens.</param>
/// <param name="Microseconds">CPU of the process a message, from its writing to its receipt.</param>
/// <param name="StartP50">From the start of a process, its runtime included, to a live client.</param>
/// <param name="StartOwnP50">The same from Main on.</param>
internal sealed record SdkFigures(
    int Clients, double BytesEach, double IdleCpu, double Microseconds, double MessagesPerSecond, TimeSpan StartP50,
    TimeSpan StartOwnP50);

/// <summary>Starts processes of clients and reads their figures.</summary>
internal static class SdkPart
{
    private const int Starts = 9;

    public static async Task<SdkFigures> RunAsync(ServerUnderTest server, BenchOptions options, string folder)
    {
        var many = await FiguresOfAsync(
            "sdk-clients", server.Url.AbsoluteUri, $"{options.Clients}", $"{(int)options.Span.TotalSeconds}");
        var store = Path.Combine(folder, "sdk-store");
        await FiguresOfAsync("sdk-start", server.Url.AbsoluteUri, store); // Registers.
        var starts = new List<Dictionary<string, double>>();
        for (var i = 0; i < Starts; i++)
        {
            starts.Add(await FiguresOfAsync("sdk-start", server.Url.AbsoluteUri, store));
        }

        return new SdkFigures(
            options.Clients, many["bytes"], many["idle"], many["microseconds"], many["rate"],
            Median(starts, "start"), Median(starts, "own"));
    }

    private static TimeSpan Median(IEnumerable<Dictionary<string, double>> starts, string figure) =>
        TimeSpan.FromMilliseconds(starts.Select(start => start[figure]).Order().ElementAt(Starts / 2));

    /// <summary>Runs this program as clients, under the settings of an ordinary program.</summary>
    private static async Task<Dictionary<string, double>> FiguresOfAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(SdkPart).Assembly.Location, .. arguments])
        {
            RedirectStandardOutput = true,
            Environment = { ["DOTNET_TieredPGO"] = "1", ["DOTNET_gcConcurrent"] = "1" },
        };
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' '))
                .ToDictionary(line => line[0], line => double.Parse(line[1], CultureInfo.InvariantCulture))
            : throw new InvalidOperationException($"The clients ended with {process.ExitCode}:\n{output}");
    }
}
