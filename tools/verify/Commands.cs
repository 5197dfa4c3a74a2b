using System.Globalization;
using ChatCqrs.Verify.Export;
using ChatCqrs.Verify.Formats;
using ChatCqrs.Verify.Log;

namespace ChatCqrs.Verify;

/// <summary>The command line.</summary>
internal static class Commands
{
    private const string Help =
        """
        verify: checks exports and logs of ChatCqrs, without a line of the server's code.

          verify export FILE.zip --vkey KEY [--vkey KEY] [--clock-tolerance SECONDS] [--kept-days DAYS]
              Checks an export offline: its files, its signature, and each conversation's events against the log.

          verify log URL --vkey KEY [--since CHECKPOINT] [--save FILE] [--token TOKEN]
              Checks a whole log at its address, such as https://chat.example.org/v1/audit/heads: its checkpoint's
              signature, every entry, the tree, and that it only grew since CHECKPOINT, a file of an earlier run.
              After a change of the log's key, CHECKPOINT shows whether the old key has signed the new one.

          KEY          the log's public key, name+12345678+base64, or a file that holds it. Take it from somebody other
                       than whoever gave you the export.
          --clock-tolerance  how far clocks may differ, in seconds (300)
          --kept-days  how long the server keeps batches (Audit:KeepDays, 400); older ones are recorded once more
          --save       writes the checkpoint that was checked, for the next --since
          --token      an access token, where the log is not public; or the environment variable VERIFY_TOKEN

        Exit codes: 0 good, 1 a check failed, 2 wrong usage or a file that cannot be read, 3 the server is unreachable.
        """;

    /// <returns>An <see cref="ExitCode"/>.</returns>
    public static async Task<int> RunAsync(
        string[] args, TextWriter output, TextWriter errors, HttpMessageHandler network)
    {
        if (args is ["--help" or "-h" or "help", ..])
        {
            await output.WriteLineAsync(Help);
            return ExitCode.Good;
        }

        try
        {
            var options = Options.Parse(args);
            var report = new Report(output);
            if (options.Command == "export")
            {
                await using var file = File.OpenRead(options.Target);
                new ExportCheck(file, options.Keys, options.ClockTolerance, options.Kept, report).Run();
            }
            else
            {
                using var http = new HttpClient(network, disposeHandler: false);
                var log = new LogClient(http, options.Target, options.Token);
                await new LogCheck(log, options.Keys, options.Since, options.Save, report).RunAsync();
            }

            return report.End();
        }
        catch (UsageException wrong)
        {
            await errors.WriteLineAsync($"verify: {wrong.Message}. See verify --help.");
            return ExitCode.Usage;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            await errors.WriteLineAsync($"verify: {failure.Message}");
            return ExitCode.Usage;
        }
        catch (UnreachableException failure)
        {
            await errors.WriteLineAsync($"verify: {failure.Message}");
            return ExitCode.Unreachable;
        }
    }

    /// <summary>The options of both commands.</summary>
    private sealed record Options(
        string Command, string Target, IReadOnlyList<VerifierKey> Keys, TimeSpan ClockTolerance, TimeSpan Kept,
        string? Since, string? Save, string? Token)
    {
        private static readonly string[] OfExport = ["--vkey", "--clock-tolerance", "--kept-days"];
        private static readonly string[] OfLog = ["--vkey", "--since", "--save", "--token"];

        /// <exception cref="UsageException">The command line is wrong.</exception>
        public static Options Parse(string[] args)
        {
            if (args is not [("export" or "log") and var command, var target, .. var rest]
                || target.StartsWith('-'))
                throw new UsageException("say what to check");
            var values = Values(rest, command == "export" ? OfExport : OfLog).ToLookup(at => at.Name, at => at.Value);
            if (!values.Contains("--vkey"))
                throw new UsageException("--vkey is missing: without the log's key nothing can be trusted");
            return new Options(
                command, target, [.. values["--vkey"].Select(KeyOf)],
                TimeSpan.FromSeconds(Number(values, "--clock-tolerance", 300)),
                TimeSpan.FromDays(Number(values, "--kept-days", 400)),
                values["--since"].SingleOrDefault() is { } since ? Contents(since) : null,
                values["--save"].SingleOrDefault(),
                values["--token"].SingleOrDefault() ?? Environment.GetEnvironmentVariable("VERIFY_TOKEN"));
        }

        private static IEnumerable<(string Name, string Value)> Values(string[] rest, string[] known)
        {
            var seen = new HashSet<string>();
            for (var i = 0; i < rest.Length; i += 2)
            {
                if (!known.Contains(rest[i]) || i + 1 == rest.Length || (!seen.Add(rest[i]) && rest[i] != "--vkey"))
                    throw new UsageException($"{rest[i]} is unknown here, stands twice or has no value");
                yield return (rest[i], rest[i + 1]);
            }
        }

        private static VerifierKey KeyOf(string text)
        {
            try
            {
                return VerifierKey.Parse(text.Contains('+', StringComparison.Ordinal) ? text : Contents(text));
            }
            catch (FormatException wrong)
            {
                throw new UsageException($"--vkey: {wrong.Message}");
            }
        }

        private static string Contents(string path)
        {
            var file = new FileInfo(path);
            return file.Exists && file.Length > Checkpoint.BytesMax
                ? throw new UsageException($"{path} is too large")
                : File.ReadAllText(path);
        }

        private static double Number(ILookup<string, string> values, string name, double standard) =>
            values[name].SingleOrDefault() is not { } text ? standard
            : double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value)
                && value <= 1_000_000
                ? value
                : throw new UsageException($"{name} must be a number from 0 to 1000000");
    }
}

/// <summary>The command line is wrong.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>The server cannot be reached, or does not answer in time, or does not let the caller in.</summary>
internal sealed class UnreachableException(string message) : Exception(message);
