using ChatCqrs.Application.Ports;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace ChatCqrs.Application.Users;

/// <summary>Registers the services of account use cases.</summary>
public static class AccountServices
{
    public static IServiceCollection AddAccountUseCases(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<ClockGuard>();
        services.AddSingleton<AccountSecrets>();
        services.AddSingleton<AccessRoles>();
        services.AddSingleton<RefreshTokens>();
        services.AddSingleton<FirstTokens>();
        services.AddSingleton<DeviceAdmission>();
        services.AddSingleton<LinkSeal>();
        services.TryAddSingleton<LinkWaits>();
        services.AddSingleton<UserWriter>();
        services.AddSingleton<ProfileReader>();
        services.AddSingleton(provider =>
        {
            var users = provider.GetRequiredService<UserWriter>();
            return new BlockLists(async (user, ct) => [.. (await users.ReadAsync(user, ct)).User.Blocked.Keys]);
        });
        services.AddSingleton<IUsers, RegisteredUsers>();
        services.AddSingleton<PhoneLookUps>();
        services.TryAddSingleton<KnownUsers>();
        services.AddSingleton<ErasedUsers>();
        return services;
    }
}
