using System.Net.Sockets;
using ChatCqrs.Application.Ports;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.Hosting;

/// <summary>Runs the server until it is told to stop. What an operator can mend stops the start with one line on standard error.</summary>
public static class Startup
{
    public const int Failed = 1;

    public static async Task<int> RunAsync(Func<WebApplication> build)
    {
        WebApplication? app = null;
        try
        {
            app = build();
            await app.RunAsync();
            return 0;
        }
        catch (OperationCanceledException) when (app?.Lifetime.ApplicationStopping.IsCancellationRequested == true)
        {
            return 0; // Told to stop before it had started.
        }
        catch (Exception exception) when (Describe(exception) is { } line)
        {
            await Console.Error.WriteLineAsync("chatcqrs does not start: " + line);
            return Failed;
        }
        finally
        {
            if (app is not null)
                await app.DisposeAsync();
        }
    }

    /// <summary>What is wrong, in one line that names the setting or the store; null when it is a mistake of ours.</summary>
    public static string? Describe(Exception exception) => exception switch
    {
        SettingException or FormatException => OneLine(exception.Message),
        OptionsValidationException options => OneLine(string.Join(" ", options.Failures)),
        AggregateException { InnerExceptions: var inner } => inner.Select(Describe).ToList() is var lines && !lines.Contains(null)
            ? string.Join(" ", lines)
            : null,
        InvalidOperationException when exception.Message.Contains("configuration value", StringComparison.Ordinal) => OneLine(exception.Message),
        StoreUnavailableException => OneLine(exception.Message),
        IOException { InnerException: Microsoft.AspNetCore.Connections.AddressInUseException } => OneLine(exception.Message),
        SocketException => OneLine(exception.Message),
        { InnerException: { } inner } => Describe(inner) is { } line ? OneLine(exception.Message) + " " + line : null,
        _ => null,
    };

    private static string OneLine(string text) => text.ReplaceLineEndings(" ").Trim();
}

/// <summary>A setting is missing or wrong.</summary>
/// <param name="message">One line that names it.</param>
public sealed class SettingException(string message) : Exception(message);
