using ChatCqrs.Application.Ports;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.Application.Erasure;

/// <summary>Registers the steps of an erasure. Every kind of data about users needs a step here.</summary>
public static class ErasureServices
{
    public static IServiceCollection AddErasureSteps(this IServiceCollection services) => services
        .AddSingleton<Eraser>().AddSingleton<ReadModelsAreCurrent>()
        .AddSingleton<IErasureStep, EndSessions>()
        .AddSingleton<IErasureStep, ShredContent>()
        .AddSingleton<IErasureStep, EndPushes>()
        .AddSingleton<IErasureStep, ForgetDeviceLists>()
        .AddSingleton<IErasureStep, LeaveGroups>()
        .AddSingleton<IErasureStep, ForgetMedia>()
        .AddSingleton<IErasureStep, ForgetHistory>();
}
