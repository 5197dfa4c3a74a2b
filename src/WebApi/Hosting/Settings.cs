using Microsoft.Extensions.Configuration.Memory;

namespace ChatCqrs.WebApi.Hosting;

/// <summary>
/// The settings' layout. They come, the later over the earlier, from the defaults here and in the options' types, <c>appsettings.json</c> beside the
/// server, <c>appsettings.{Environment}.json</c>, the environment (<c>RateLimits__Enabled=false</c>) and the command line.
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
        // It would open an activity and a scope for every request, and an open socket is one; ours does it behind the sockets.
        ["Logging:LogLevel:Microsoft.AspNetCore.Hosting.Diagnostics"] = "None",
        // What stops a start is told in one line, see Startup; what stops a server later is critical.
        ["Logging:LogLevel:Microsoft.Extensions.Hosting.Internal.Host"] = "Critical",
        ["Logging:LogLevel:Npgsql"] = "Warning",
        ["Logging:LogLevel:Marten"] = "Warning",
        ["Logging:LogLevel:Hangfire"] = "Warning",
        ["Logging:LogLevel:Wolverine"] = "Warning",
        ["Logging:LogLevel:Wolverine.Configuration.HandlerDiscovery"] = "Error", // It warns that it finds no handlers by convention.
        ["Logging:LogLevel:JasperFx"] = "Warning",
        ["Logging:LogLevel:System.Net.Http"] = "Warning",
        ["Logging:Console:FormatterOptions:SingleLine"] = "true",
        ["Logging:Console:FormatterOptions:UseUtcTimestamp"] = "true",
        ["Logging:Console:FormatterOptions:TimestampFormat"] = "yyyy-MM-dd'T'HH:mm:ss.fff'Z '",
    };

    /// <summary>A builder that has read all settings, whatever folder the server is started from.</summary>
    public static WebApplicationBuilder CreateBuilder(string[] args)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.Sources.Insert(0, new MemoryConfigurationSource
        {
            InitialData = Defaults.Append(KeyValuePair.Create<string, string?>(
                LogFormat, builder.Environment.IsDevelopment() ? "simple" : "json")),
        });
        return builder;
    }

    /// <exception cref="SettingException">It is missing.</exception>
    public static string Required(this IConfiguration configuration, string name) =>
        configuration[name] is { Length: > 0 } value ? value : throw new SettingException($"{name} must be set.");
}
