using System.Net.Sockets;
using ChatCqrs.Application.Ports;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.Hosting;

/// <summary>
/// Runs the server until it is told to stop. A fault that an operator can mend ends the start with one line on standard
/// error.
/// </summary>
public static class Startup
{
    /// <summary>The exit code of a failed start.</summary>
    public const int Failed = 1;

    /// <summary>Does one thing with the server's services, without starting it, and prints what it says.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(Func<WebApplication> build, Func<WebApplication, Task<string>> command)
    {
        try
        {
            await using var app = build();
            await Console.Out.WriteLineAsync(await command(app));
            return 0;
        }
        catch (Exception exception) when (Describe(exception) is { } line)
        {
            await Console.Error.WriteLineAsync("chatcqrs: " + line);
            return Failed;
        }
    }

    /// <returns>The exit code.</returns>
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
            return 0; // The stop came before the start had finished.
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

    /// <summary>The fault in one line that names the setting or the store; null for a bug.</summary>
    public static string? Describe(Exception exception) => exception switch
    {
        SettingException or FormatException => OneLine(exception.Message),
        OptionsValidationException options => OneLine(string.Join(" ", options.Failures)),
        AggregateException { InnerExceptions: var inner } => DescribeAll(inner),
        InvalidOperationException when exception.Message.Contains("configuration value", StringComparison.Ordinal) =>
            OneLine(exception.Message),
        StoreUnavailableException => OneLine(exception.Message),
        IOException { InnerException: AddressInUseException } => OneLine(exception.Message),
        SocketException => OneLine(exception.Message),
        { InnerException: { } inner } => Describe(inner) is { } line ? OneLine(exception.Message) + " " + line : null,
        _ => null,
    };

    /// <returns>Null when one of them is a bug.</returns>
    private static string? DescribeAll(IEnumerable<Exception> exceptions)
    {
        var lines = exceptions.Select(Describe).ToList();
        return lines.Contains(null) ? null : string.Join(" ", lines);
    }

    private static string OneLine(string text) => text.ReplaceLineEndings(" ").Trim();
}

/// <summary>A setting is missing or wrong.</summary>
/// <param name="message">One line that names it.</param>
public sealed class SettingException(string message) : Exception(message);
