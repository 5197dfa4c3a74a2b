using System.Globalization;

namespace ChatCqrs.WebApi.Hosting;

/// <summary>Times that operators may write as a plain number of seconds, which .NET would take for days.</summary>
internal static class Seconds
{
    /// <summary>A section in which such numbers stand as <c>hh:mm:ss</c>.</summary>
    /// <param name="times">The settings that are times.</param>
    public static IConfigurationSection WithSeconds(this IConfigurationSection section, params string[] times)
    {
        var paths = times.Select(name => ConfigurationPath.Combine(section.Path, name)).ToHashSet(StringComparer.OrdinalIgnoreCase);
        return new ConfigurationBuilder()
            .AddInMemoryCollection(section.AsEnumerable().Select(setting =>
                paths.Contains(setting.Key) && uint.TryParse(setting.Value, CultureInfo.InvariantCulture, out var seconds)
                    ? KeyValuePair.Create<string, string?>(setting.Key, TimeSpan.FromSeconds(seconds).ToString("c", CultureInfo.InvariantCulture))
                    : setting))
            .Build().GetSection(section.Path);
    }
}
