using Microsoft.Extensions.Logging.Console;

namespace ChatCqrs.WebApi.Hosting;

/// <summary>Logging and the stop of the server.</summary>
public static class HostConventions
{
    /// <summary>
    /// The most time for a stop: requests in flight, the last frames of sockets, appends, the projections' last batch.
    /// </summary>
    private static readonly TimeSpan ShutdownMax = TimeSpan.FromSeconds(25);

    /// <summary>
    /// Logs to the console, and stops in order: first the server takes no more requests and closes its sockets, then
    /// the hosted services stop one after another, the last registered first.
    /// </summary>
    public static WebApplicationBuilder AddHosting(this WebApplicationBuilder builder)
    {
        builder.Logging.ClearProviders().AddConsole();
        builder.Services.Configure<ConsoleLoggerOptions>( // The slim builder overrides the setting.
            console => console.FormatterName = builder.Configuration[Settings.LogFormat]);
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = ShutdownMax);
        return builder;
    }
}
