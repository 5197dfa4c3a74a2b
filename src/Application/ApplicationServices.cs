using System.Reflection;
using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Export;
using ChatCqrs.Application.Media;
using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Pipeline;
using ChatCqrs.Application.Presence;
using ChatCqrs.Application.Push;
using ChatCqrs.Application.Retention;
using ChatCqrs.Application.Sweeping;
using ChatCqrs.Application.Users;
using ChatCqrs.Application.Writing;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace ChatCqrs.Application;

public static class ApplicationServices
{
    /// <summary>
    /// Registers the use cases: MediatR with this assembly's handlers, validators and behaviours, and their services.
    /// All are singletons, because every socket frame passes here: only the request itself is allocated, and no scope
    /// is opened.
    /// </summary>
    public static IServiceCollection AddApplication(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<IMediator>(provider => new Mediator(provider.GetService!));
        foreach (var handler in typeof(ApplicationServices).Assembly.DefinedTypes.Where(type => !type.IsAbstract))
        {
            foreach (var contract in handler.ImplementedInterfaces.Where(IsHandler))
                services.AddUseCase(contract, handler);
        }

        services.TryAddSingleton<ClockGuard>();
        services.TryAddSingleton<KnownUsers>();
        services.TryAddSingleton<TracedAppends>();
        services.AddSingleton<MessageLifetimes>();
        services.AddSingleton<LogTrimmer>();
        services.AddSingleton<RowTrimmer>();
        services.AddSingleton<Membership>();
        services.AddSingleton<DirectPairs>();
        services.AddSingleton<PresenceVisibility>();
        services.AddSingleton<GroupTitles>();
        services.AddSingleton<MessageViews>();
        services.AddSingleton<UpdateViews>();
        services.AddSingleton<EarlierMessages>();
        services.AddSingleton<ExportedConversations>();
        services.AddSingleton<DirectBlocks>();
        services.AddSingleton<MessageOperations>();
        services.AddMedia();
        services.AddAuditReading();
        services.AddSingleton<WakeNeeds>();
        services.AddSingleton<AttemptsInFlight>();
        services.AddSingleton<ConversationWriter>();
        services.AddSingleton<IConversationWriter>(provider => provider.GetRequiredService<ConversationWriter>());
        services.AddHostedService(provider => provider.GetRequiredService<ConversationWriter>());
        return services;
    }

    private static IServiceCollection AddMedia(this IServiceCollection services) => services
        .AddSingleton<FileNames>().AddSingleton<Staging>().AddSingleton<UploadAccess>().AddSingleton<UploadTurns>()
        .AddSingleton<UploadHashes>().AddSingleton<UploadFinisher>().AddSingleton<UploadWriter>()
        .AddSingleton<MediaAccess>()
        .AddSingleton<FileLookUps>().AddSingleton<FilePermissions>()
        .AddSingleton<Downloads>().AddSingleton<MediaLinks>()
        .AddSingleton<MediaGarbage>();

    private static bool IsHandler(Type type) =>
        type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IRequestHandler<,>);

    /// <summary>
    /// Registers a handler and its behaviours, in the order in which a request passes them. Without a validator there
    /// is no validation.
    /// </summary>
    private static void AddUseCase(this IServiceCollection services, Type contract, TypeInfo handler)
    {
        var request = contract.GenericTypeArguments;
        var behaviour = typeof(IPipelineBehavior<,>).MakeGenericType(request);
        services.AddSingleton(contract, handler);
        services.AddSingleton(behaviour, typeof(Tracing<,>).MakeGenericType(request));

        var validators = handler.DeclaringType?.GetNestedTypes(BindingFlags.Public | BindingFlags.NonPublic) ?? [];
        var validates = typeof(IValidator<>).MakeGenericType(request[0]);
        if (validators.FirstOrDefault(validates.IsAssignableFrom) is not { } validator)
            return;
        services.AddSingleton(validates, validator);
        services.AddSingleton(behaviour, typeof(Validation<,>).MakeGenericType(request));
    }
}
