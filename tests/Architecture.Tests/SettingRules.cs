using System.Collections;
using System.Text.RegularExpressions;
using ChatCqrs.Application;
using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Erasure;
using ChatCqrs.Application.Media;
using ChatCqrs.Application.Presence;
using ChatCqrs.Application.Push;
using ChatCqrs.Application.Retention;
using ChatCqrs.Application.Users;
using ChatCqrs.Application.Writing;
using ChatCqrs.Infrastructure.Auditing;
using ChatCqrs.Infrastructure.Blobs;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Push;
using ChatCqrs.Infrastructure.Sealing;
using ChatCqrs.Infrastructure.Sms;
using ChatCqrs.WebApi.Http;
using ChatCqrs.WebApi.OpenApi;
using ChatCqrs.WebApi.Operations;
using ChatCqrs.WebApi.RateLimits;
using ChatCqrs.WebApi.Realtime;

namespace ChatCqrs.Architecture.Tests;

/// <summary>docs/settings.md lists every setting of the options' types with its default.</summary>
public sealed partial class SettingRules
{
    private static readonly (string Section, Type Options)[] Sections =
    [
        ("Access", typeof(AccessOptions)), ("Audit", typeof(AuditOptions)),
        ("Audit:Mirror", typeof(MirrorOptions)), ("DeviceLinks", typeof(DeviceLinkOptions)),
        ("Erasure", typeof(ErasureOptions)), ("Groups", typeof(GroupOptions)),
        ("Health", typeof(HealthOptions)), ("Cors", typeof(OriginOptions)),
        ("Live", typeof(LiveOptions)), ("Media", typeof(MediaOptions)),
        ("Media", typeof(BlobOptions)), ("Metrics", typeof(MetricsOptions)), ("OpenApi", typeof(OpenApiOptions)),
        ("Presence", typeof(PresenceOptions)), ("Proxy", typeof(ProxyOptions)),
        ("Push", typeof(PushOptions)), ("Push", typeof(PushSettings)), ("RateLimits", typeof(RateLimitOptions)),
        ("Reads", typeof(ReadsOptions)), ("Registration", typeof(RegistrationOptions)),
        ("Retention", typeof(RetentionOptions)), ("Sealing", typeof(SealingOptions)), ("Sms", typeof(SmsOptions)),
        ("Sms", typeof(TextOptions)),
        ("Server", typeof(ServerOptions)), ("Startup", typeof(StartupOptions)),
        ("Tokens", typeof(TokenOptions)), ("Writer", typeof(WriterOptions)),
    ];

    /// <summary>Set by the host, never by the configuration.</summary>
    private static readonly string[] NoSettings = ["Registration:RevealCode"];

    /// <summary>Depends on the machine.</summary>
    private static readonly string[] Computed = ["Writer:Partitions"];

    private static readonly Dictionary<string, object?> Settings = Sections
        .SelectMany(section => SettingsOf(section.Section, section.Options))
        .ToDictionary(setting => setting.Name, setting => setting.Default);

    [Fact]
    public void Every_setting_is_listed_with_its_default()
    {
        var rows = MarkdownTable.Rows("docs/settings.md").ToDictionary(row => row.Name, row => row.Value);

        Assert.True(Settings.Count > 60);
        Assert.Empty(Settings.SelectMany(setting => Faults(setting.Key, setting.Value, rows)));
    }

    [Fact]
    public void Every_default_beside_a_setting_in_a_document_is_its_default()
    {
        var stated = Solution.Files(".md").SelectMany(file => Stated().Matches(File.ReadAllText(file))).ToList();

        Assert.NotEmpty(stated);
        Assert.All(stated, match =>
            Assert.Contains(match.Groups["value"].Value, Figures.Of(Settings[match.Groups["name"].Value])));
    }

    [Fact]
    public void Every_options_type_has_a_section()
    {
        Type[] product =
            [.. Solution.Application.GetTypes(), .. Solution.Infrastructure.GetTypes(), .. Solution.WebApi.GetTypes()];
        var nested = Sections.SelectMany(section => section.Options.GetProperties())
            .Select(property => Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType);
        var covered = Sections.Select(section => section.Options).Concat(nested).ToHashSet();

        var options = product.Where(type => !type.IsNested && type.Name.EndsWith("Options", StringComparison.Ordinal));
        Assert.All(options, type => Assert.Contains(type, covered));
    }

    [Fact]
    public void A_setting_that_is_missing_or_has_another_default_is_found()
    {
        Dictionary<string, string> rows = new() { ["A:Wait"] = "10 s" };

        Assert.Single(Faults("A:Nowhere", "1", rows));
        Assert.Single(Faults("A:Wait", TimeSpan.FromSeconds(20), rows));
        Assert.Empty(Faults("A:Wait", TimeSpan.FromSeconds(10), rows));
    }

    [GeneratedRegex(@"`(?<name>[A-Z]\w+:\w+)` \((?<value>\d[^)]*)\)")]
    private static partial Regex Stated();

    /// <param name="value">Null where there is no default to compare.</param>
    private static IEnumerable<string> Faults(string name, object? value, IReadOnlyDictionary<string, string> rows)
    {
        if (!rows.TryGetValue(name, out var listed))
            yield return $"{name} is not in docs/settings.md.";
        else if (value is not null && !Figures.Of(value).Contains(listed))
            yield return $"{name} is {string.Join(" or ", Figures.Of(value))}; docs/settings.md says {listed}.";
    }

    private static IEnumerable<(string Name, object? Default)> SettingsOf(string section, Type type)
    {
        var defaults = Activator.CreateInstance(type);
        foreach (var property in type.GetProperties().Where(each => each.SetMethod is { IsPublic: true }))
        {
            var name = $"{section}:{property.Name}";
            if (NoSettings.Contains(name))
                continue;
            if (property.PropertyType.Name.EndsWith("Options", StringComparison.Ordinal))
            {
                foreach (var setting in SettingsOf(name, property.PropertyType))
                    yield return setting;
                continue;
            }

            yield return (name, Computed.Contains(name) ? null : Comparable(property.GetValue(defaults)));
        }
    }

    private static object? Comparable(object? value) => value switch
    {
        "" => null,
        Uri address => address.OriginalString,
        IEnumerable and not string => null,
        _ => value,
    };
}
