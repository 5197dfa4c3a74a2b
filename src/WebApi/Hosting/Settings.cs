using Microsoft.Extensions.Configuration.Memory;

namespace ChatCqrs.WebApi.Hosting;

/// <summary>
/// Reads the settings. Later sources override earlier ones: the defaults here and in the options' types,
/// <c>appsettings.json</c> beside the server, <c>appsettings.{Environment}.json</c>, the environment
/// (<c>RateLimits__Enabled=false</c>), the command line.
/// </summary>
public static class Settings
{
    /// <summary><c>json</c> in Production, <c>simple</c> in Development.</summary>
    internal const string LogFormat = "Logging:Console:FormatterName";

    private static readonly Dictionary<string, string?> Defaults = new()
    {
        ["DataFolder"] = ".data",
        ["Logging:LogLevel:Default"] = "Information",
        ["Logging:LogLevel:Microsoft"] = "Warning",
        ["Logging:LogLevel:Microsoft.Hosting.Lifetime"] = "Information",
        // Would open an activity and a scope for each request, also for an open socket. RequestTracing does so instead.
        ["Logging:LogLevel:Microsoft.AspNetCore.Hosting.Diagnostics"] = "None",
        // Startup reports a failed start in one line; a failure of the running server is critical.
        ["Logging:LogLevel:Microsoft.Extensions.Hosting.Internal.Host"] = "Critical",
        ["Logging:LogLevel:Npgsql"] = "Warning",
        ["Logging:LogLevel:Marten"] = "Warning",
        ["Logging:LogLevel:Hangfire"] = "Warning",
        ["Logging:LogLevel:Wolverine"] = "Warning",
        // Warns that no handlers are found by convention.
        ["Logging:LogLevel:Wolverine.Configuration.HandlerDiscovery"] = "Error",
        ["Logging:LogLevel:JasperFx"] = "Warning",
        ["Logging:LogLevel:System.Net.Http"] = "Warning",
        ["Logging:Console:FormatterOptions:SingleLine"] = "true",
        ["Logging:Console:FormatterOptions:UseUtcTimestamp"] = "true",
        ["Logging:Console:FormatterOptions:TimestampFormat"] = "yyyy-MM-dd'T'HH:mm:ss.fff'Z '",
    };

    /// <summary>A builder with all settings, independent of the working directory.</summary>
    public static WebApplicationBuilder CreateBuilder(string[] args)
    {
        var builder = WebApplication.CreateSlimBuilder(
            new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.Sources.Insert(0, new MemoryConfigurationSource
        {
            InitialData = Defaults.Append(KeyValuePair.Create<string, string?>(
                LogFormat, builder.Environment.IsDevelopment() ? "simple" : "json")),
        });
        return builder;
    }

    /// <exception cref="SettingException">The setting is missing or empty.</exception>
    public static string Required(this IConfiguration configuration, string name) =>
        configuration[name] is { Length: > 0 } value ? value : throw new SettingException($"{name} must be set.");
}
