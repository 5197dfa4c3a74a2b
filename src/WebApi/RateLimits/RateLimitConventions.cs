using System.Threading.RateLimiting;
using ChatCqrs.Application;
using ChatCqrs.Application.Retention;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.AccessControl;
using ChatCqrs.WebApi.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.RateLimits;

/// <summary>
/// Limits REST requests by address and by user, and more strictly where a request costs a text message or tries a code.
/// <see cref="IMessageRate"/> limits the frames of sockets.
/// </summary>
public static class RateLimitConventions
{
    /// <summary>The policy of endpoints that send a text message.</summary>
    public const string Registrations = "registrations";

    /// <summary>The policy of endpoints that check a code or a token.</summary>
    public const string Verifications = "verifications";

    /// <summary>The policy of the endpoint by which anybody asks for a device link.</summary>
    public const string DeviceLinks = "device-links";

    private const int DevelopmentCodesPerPhone = 10_000;

    public static WebApplicationBuilder AddRateLimits(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        var codesAreFree = builder.Environment.IsDevelopment()
            && string.IsNullOrEmpty(builder.Configuration["Sms:WebhookUrl"]);
        services.AddOptions<RateLimitOptions>()
            .Configure(limits => Relax(limits, codesAreFree))
            .Bind(builder.Configuration.GetSection("RateLimits"))
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<RateLimitOptions>, RateLimitValidation>();
        services.AddOptions<ProxyOptions>().Bind(builder.Configuration.GetSection("Proxy")).ValidateOnStart();
        services.AddSingleton<IValidateOptions<ProxyOptions>, ProxyOptions.Validator>();
        services.AddSingleton<IMessageRate, MessageRate>();
        services.AddSingleton<ExportRate>();
        services.AddSingleton<PushSubscriptionRate>();
        services.AddSingleton<GroupMemberRate>();
        services.AddSingleton<ProfileRate>();
        services.AddSingleton<IRetentionRate, RetentionRate>();
        services.AddSingleton<TypingRate>();
        services.AddSingleton<SocketRate>();
        services.AddSingleton<LinkWaitPlaces>();
        services.AddSingleton<NewcomerPlaces>();
        services.AddRateLimiter(_ => { });
        services.AddOptions<RateLimiterOptions>()
            .Configure<IOptions<RateLimitOptions>>((limiter, limits) => Configure(limiter, limits.Value));
        return builder;
    }

    /// <summary>
    /// Takes the client's address from a trusted proxy. Must precede all middleware that reads addresses.
    /// </summary>
    public static WebApplication UseClientAddresses(this WebApplication app)
    {
        var proxy = app.Services.GetRequiredService<IOptions<ProxyOptions>>().Value;
        if (proxy.Enabled)
            app.UseForwardedHeaders(proxy.ToForwardedHeaders());
        return app;
    }

    /// <summary>
    /// Must follow authentication, for the limits by user, and routing, for the policies of endpoints.
    /// </summary>
    public static WebApplication UseRateLimits(this WebApplication app)
    {
        if (app.Services.GetRequiredService<IOptions<RateLimitOptions>>().Value.Enabled)
            app.UseRateLimiter();
        return app;
    }

    /// <summary>Lifts the limits of codes where no text message is sent: in Development without a gateway.</summary>
    private static void Relax(RateLimitOptions limits, bool codesAreFree)
    {
        if (!codesAreFree)
            return;
        limits.CodesPerPhoneAndHour = DevelopmentCodesPerPhone;
        limits.CodesPerPhoneAndDay = DevelopmentCodesPerPhone;
        limits.CodesPerPhoneAddressAndHour = DevelopmentCodesPerPhone;
        limits.CodesPerPhoneAddressAndDay = DevelopmentCodesPerPhone;
    }

    private static void Configure(RateLimiterOptions limiter, RateLimitOptions limits)
    {
        // The flag of the keys keeps an unlimited request apart from a limited one with the default address or user.
        limiter.GlobalLimiter = PartitionedRateLimiter.CreateChained(
            PartitionedRateLimiter.Create<HttpContext, (bool IsLimited, ClientAddress)>(context => IsFree(context)
                ? RateLimitPartition.GetNoLimiter((false, default(ClientAddress)))
                : Bucket((true, ClientAddress.Of(context)), limits.Address)),
            PartitionedRateLimiter.Create<HttpContext, (bool IsLimited, UserId)>(context =>
                context.User is AuthenticatedCaller user && !IsFree(context)
                    ? Bucket((true, user.Caller.User), limits.User)
                    : RateLimitPartition.GetNoLimiter((false, default(UserId)))));
        limiter.AddPolicy(Registrations, context => Bucket(ClientAddress.Of(context), limits.Registrations));
        limiter.AddPolicy(Verifications, context => Bucket(ClientAddress.Of(context), limits.Verifications));
        limiter.AddPolicy(DeviceLinks, context => Bucket(ClientAddress.Of(context), limits.DeviceLinks));
        limiter.OnRejected = async (rejected, _) =>
        {
            var wait = rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out var after)
                ? after
                : TimeSpan.FromSeconds(1);
            var problem = Problems.Of(Refusal.RateLimited) with { RetryAfter = wait };
            await rejected.HttpContext.Response.WriteProblemAsync(problem);
        };
    }

    /// <summary>Monitoring is never limited.</summary>
    private static bool IsFree(HttpContext context) =>
        context.Request.Path.StartsWithSegments("/health") || context.Request.Path.StartsWithSegments("/metrics");

    private static RateLimitPartition<TKey> Bucket<TKey>(TKey key, RateLimitOptions.Bucket limit) =>
        RateLimitPartition.GetTokenBucketLimiter(key, _ => new TokenBucketRateLimiterOptions
        {
            TokenLimit = limit.Burst,
            TokensPerPeriod = limit.PerSecond >= 1 ? (int)Math.Round(limit.PerSecond) : 1,
            ReplenishmentPeriod = TimeSpan.FromSeconds(limit.PerSecond >= 1 ? 1 : 1 / limit.PerSecond),
            QueueLimit = 0,
            AutoReplenishment = true,
        });
}

/// <summary>Checks the limits at start.</summary>
internal sealed class RateLimitValidation : IValidateOptions<RateLimitOptions>
{
    private const int Max = 1_000_000;

    public ValidateOptionsResult Validate(string? name, RateLimitOptions options)
    {
        var buckets = new[]
        {
            (options.User, "User"), (options.Address, "Address"), (options.Registrations, "Registrations"),
            (options.Verifications, "Verifications"), (options.DeviceLinks, "DeviceLinks"),
            (options.Frames, "Frames"), (options.Contacts, "Contacts"),
            (options.Exports, "Exports"), (options.Typing, "Typing"), (options.Sockets, "Sockets"),
            (options.PushSubscriptions, "PushSubscriptions"),
            (options.GroupMembers, "GroupMembers"), (options.RetentionChanges, "RetentionChanges"),
            (options.ProfileChanges, "ProfileChanges"),
        };
        foreach (var (bucket, setting) in buckets)
        {
            if (bucket.Burst is not (>= 1 and <= Max) || bucket.PerSecond is not (> 0 and <= Max))
            {
                return ValidateOptionsResult.Fail(
                    $"RateLimits:{setting} needs a Burst of 1 to {Max} and a PerSecond above 0, at most {Max}.");
            }
        }

        if (options.SocketsMax is not (>= 1 and <= Max))
            return ValidateOptionsResult.Fail($"RateLimits:SocketsMax must be 1 to {Max}.");
        if (options.NewcomersMax is not (>= 1 and <= Max))
            return ValidateOptionsResult.Fail($"RateLimits:NewcomersMax must be 1 to {Max}.");
        var codes = new[]
        {
            (options.CodesPerPhoneAndHour, "CodesPerPhoneAndHour"),
            (options.CodesPerPhoneAndDay, "CodesPerPhoneAndDay"),
            (options.CodesPerPhoneAddressAndHour, "CodesPerPhoneAddressAndHour"),
            (options.CodesPerPhoneAddressAndDay, "CodesPerPhoneAddressAndDay"),
        };
        foreach (var (most, setting) in codes)
        {
            if (most is not (>= 1 and <= Max))
                return ValidateOptionsResult.Fail($"RateLimits:{setting} must be 1 to {Max}.");
        }

        return ValidateOptionsResult.Success;
    }
}
