using System.Globalization;

namespace ChatCqrs.WebApi.Hosting;

/// <summary>Durations that operators may write as a plain number of seconds; .NET would read it as days.</summary>
internal static class Seconds
{
    /// <summary>A copy of the section with plain numbers written as <c>hh:mm:ss</c>.</summary>
    /// <param name="times">The names of the settings that are durations.</param>
    public static IConfigurationSection WithSeconds(this IConfigurationSection section, params string[] times)
    {
        var paths = times.Select(name => ConfigurationPath.Combine(section.Path, name))
            .ToHashSet(StringComparer.OrdinalIgnoreCase);
        return new ConfigurationBuilder()
            .AddInMemoryCollection(section.AsEnumerable().Select(setting =>
                paths.Contains(setting.Key)
                && uint.TryParse(setting.Value, CultureInfo.InvariantCulture, out var seconds)
                    ? KeyValuePair.Create<string, string?>(setting.Key, Format(seconds))
                    : setting))
            .Build().GetSection(section.Path);
    }

    private static string Format(uint seconds) =>
        TimeSpan.FromSeconds(seconds).ToString("c", CultureInfo.InvariantCulture);
}
