using Microsoft.Extensions.Logging.Console;

namespace ChatCqrs.WebApi.Hosting;

public static class HostConventions
{
    /// <summary>How long everything may take to stop: requests under way, sockets' last frames, appends, the projections' last batch.</summary>
    private static readonly TimeSpan ShutdownMax = TimeSpan.FromSeconds(25);

    /// <summary>
    /// Logs to the console and stops in order: the server takes no more requests and its sockets say goodbye, then hosted services stop one after
    /// another, the last registered first.
    /// </summary>
    public static WebApplicationBuilder AddHosting(this WebApplicationBuilder builder)
    {
        builder.Logging.ClearProviders().AddConsole();
        builder.Services.Configure<ConsoleLoggerOptions>(console => console.FormatterName = builder.Configuration[Settings.LogFormat]); // The slim builder sets its own.
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = ShutdownMax);
        return builder;
    }
}
