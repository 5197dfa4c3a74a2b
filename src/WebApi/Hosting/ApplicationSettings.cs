using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Presence;
using ChatCqrs.Application.Retention;
using ChatCqrs.Application.Writing;
using ChatCqrs.WebApi.Http;
using ChatCqrs.WebApi.Realtime;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.Hosting;

/// <summary>The settings of the use cases with their bounds, all checked at start.</summary>
internal static class ApplicationSettings
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    public static IServiceCollection AddApplicationSettings(
        this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<WriterOptions>().Bind(configuration.GetSection("Writer"))
            .Between("Writer:Partitions", options => options.Partitions, 1, 64)
            .Between("Writer:AppendsInFlight", options => options.AppendsInFlight, 1, 16)
            .Between("Writer:QueueMax", options => options.QueueMax, 1, 1_000_000)
            .Between("Writer:BatchMax", options => options.BatchMax, 1, 10_000)
            .Between("Writer:ConversationsMax", options => options.ConversationsMax, 100, 10_000_000)
            .Between("Writer:ConflictRetriesMax", options => options.ConflictRetriesMax, 1, 1_000)
            .ValidateOnStart();
        services.AddOptions<GroupOptions>().Bind(configuration.GetSection("Groups"))
            .Between("Groups:MembersMax", options => options.MembersMax, 2, 8_192)
            .ValidateOnStart();
        services.AddOptions<RetentionOptions>()
            .Bind(configuration.GetSection("Retention")
                .WithSeconds(nameof(RetentionOptions.ShortestTimer), nameof(RetentionOptions.SweepEvery)))
            .Between("Retention:Days", options => options.Days, 1, RetentionOptions.DaysMax)
            .Between("Retention:ShortestTimer", options => options.ShortestTimer, Second, RetentionOptions.LongestTimer)
            .Between("Retention:SweepEvery", options => options.SweepEvery, Second, TimeSpan.FromDays(1))
            .ValidateOnStart();
        services.AddOptions<ReadsOptions>().Bind(configuration.GetSection("Reads"))
            .Between("Reads:FreshnessWait", options => options.FreshnessWait, TimeSpan.Zero, ReadsOptions.WaitMax)
            .Between("Reads:PositionWait", options => options.PositionWait, TimeSpan.Zero, ReadsOptions.WaitMax)
            .Between("Reads:CommandWait", options => options.CommandWait, TimeSpan.Zero, ReadsOptions.WaitMax)
            .ValidateOnStart();
        services.AddOptions<LiveOptions>().Bind(configuration.GetSection("Live"))
            .Between("Live:FollowEvery", options => options.FollowEvery, Second / 10, TimeSpan.FromMinutes(1))
            .Between("Live:CatchUpsMax", options => options.CatchUpsMax, 1, 1_000)
            .Between("Live:KeepAlive", options => options.KeepAlive, Second, TimeSpan.FromMinutes(10))
            .ValidateOnStart();
        services.AddOptions<PresenceOptions>().Bind(configuration.GetSection("Presence"))
            .Between("Presence:BeatEvery", options => options.BeatEvery, Second / 10, TimeSpan.FromMinutes(1))
            .Validate(
                options => options.NodeKept >= options.BeatEvery * 2,
                "Presence:NodeKept must be at least twice Presence:BeatEvery.")
            .ValidateOnStart();
        return services;
    }

    /// <summary>Bounds a setting; both bounds are allowed values.</summary>
    private static OptionsBuilder<TOptions> Between<TOptions, TValue>(
        this OptionsBuilder<TOptions> builder, string setting, Func<TOptions, TValue> value, TValue min, TValue max)
        where TOptions : class
        where TValue : IComparable<TValue> => builder.Validate(
            options => value(options).CompareTo(min) >= 0 && value(options).CompareTo(max) <= 0,
            $"{setting} must be {min} to {max}.");
}
